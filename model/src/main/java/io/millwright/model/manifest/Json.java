package io.millwright.model.manifest;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import io.millwright.model.Default;
import io.millwright.model.Kind;
import io.millwright.model.Operation;
import java.lang.reflect.RecordComponent;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.StreamWriteFeature;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.JacksonModule;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.ObjectWriter;
import tools.jackson.databind.cfg.MapperBuilder;
import tools.jackson.databind.cfg.MapperConfig;
import tools.jackson.databind.introspect.Annotated;
import tools.jackson.databind.introspect.AnnotatedClass;
import tools.jackson.databind.introspect.AnnotatedMember;
import tools.jackson.databind.introspect.NopAnnotationIntrospector;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.module.SimpleModule;
import tools.jackson.dataformat.yaml.YAMLFactory;
import tools.jackson.dataformat.yaml.YAMLMapper;
import tools.jackson.dataformat.yaml.YAMLWriteFeature;

/**
 * The one way in which the model's records are written as JSON and YAML.
 *
 * <p>Enums are lower-kebab-case words, value types their text, instants ISO-8601; what is null is
 * left out, and so is a list or mapping that is empty and would be empty anyway if it were left
 * out. Fields stand in the order of the records. Reading is for what Millwright itself wrote, so it
 * passes over fields of newer versions; what people write is read by {@link Manifests}.
 */
public final class Json {
  private static final JsonMapper JSON = configure(JsonMapper.builder()).build();

  private static final YAMLMapper YAML =
      configure(
              YAMLMapper.builder(
                  YAMLFactory.builder()
                      .enable(
                          YAMLWriteFeature.MINIMIZE_QUOTES,
                          YAMLWriteFeature.ALWAYS_QUOTE_NUMBERS_AS_STRINGS,
                          YAMLWriteFeature.LITERAL_BLOCK_STYLE,
                          YAMLWriteFeature.ALLOW_LONG_KEYS)
                      .disable(YAMLWriteFeature.WRITE_DOC_START_MARKER)
                      .disable(YAMLWriteFeature.SPLIT_LINES)
                      .build()))
          .build();

  private static final ObjectWriter ASCII =
      JSON.writerWithDefaultPrettyPrinter().with(JsonWriteFeature.ESCAPE_NON_ASCII);

  private Json() {}

  public static JsonMapper mapper() {
    return JSON;
  }

  public static String write(Object value) {
    return JSON.writeValueAsString(value);
  }

  public static <T> T read(String json, Class<T> type) {
    return JSON.readValue(json, type);
  }

  public static JsonNode tree(Object value) {
    return JSON.valueToTree(value);
  }

  /** One YAML document, without {@code ---}. */
  public static String yaml(Object value) {
    String yaml = YAML.writeValueAsString(value);
    // YAML's emitter writes this one (next line) as it is and its parser then takes it for a break;
    // JSON with escapes is YAML as well.
    return yaml.indexOf('\u0085') < 0
        ? yaml
        : ASCII.writeValueAsString(value).replace("\u007f", "\\u007f");
  }

  /** How an enum's constant is written. */
  public static String word(Enum<?> constant) {
    return constant instanceof Kind kind
        ? kind.title()
        : constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** The same rules for a mapper that others build, such as the web server's. */
  public static JacksonModule module() {
    return new ModelModule();
  }

  private static <M extends tools.jackson.databind.ObjectMapper, B extends MapperBuilder<M, B>>
      B configure(B builder) {
    return builder
        .addModule(module())
        .changeDefaultPropertyInclusion(v ->
            v.withValueInclusion(JsonInclude.Include.NON_NULL)
                .withContentInclusion(JsonInclude.Include.ALWAYS))
        .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
        .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
        .enable(StreamWriteFeature.STRICT_DUPLICATE_DETECTION);
  }

  private static final class ModelModule extends SimpleModule {
    private static final long serialVersionUID = 1L;

    ModelModule() {
      super("millwright-model");
      setMixInAnnotation(Operation.State.class, StateNames.class);
    }

    @Override
    public void setupModule(SetupContext context) {
      super.setupModule(context);
      context.insertAnnotationIntrospector(new Rules());
    }
  }

  /** The states of an operation by the words that they have anyway. */
  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "word")
  @JsonSubTypes({
    @JsonSubTypes.Type(value = Operation.State.Pending.class, name = "pending"),
    @JsonSubTypes.Type(value = Operation.State.Running.class, name = "running"),
    @JsonSubTypes.Type(value = Operation.State.Waiting.class, name = "waiting"),
    @JsonSubTypes.Type(value = Operation.State.Undoing.class, name = "undoing"),
    @JsonSubTypes.Type(value = Operation.State.Succeeded.class, name = "succeeded"),
    @JsonSubTypes.Type(value = Operation.State.Failed.class, name = "failed"),
    @JsonSubTypes.Type(value = Operation.State.Cancelled.class, name = "cancelled"),
    @JsonSubTypes.Type(value = Operation.State.Superseded.class, name = "superseded")
  })
  private interface StateNames {}

  private static final class Rules extends NopAnnotationIntrospector {
    private static final long serialVersionUID = 1L;

    @Override
    public String[] findEnumValues(
        MapperConfig<?> config, AnnotatedClass type, Enum<?>[] constants, String[] names) {
      if (type.getRawType().getName().startsWith("io.millwright.")) {
        for (int i = 0; i < constants.length; i++) {
          names[i] = word(constants[i]);
        }
      }
      return names;
    }

    /** A method {@code parse(String)} takes the text itself, never an object with one field. */
    @Override
    public JsonCreator.@Nullable Mode findCreatorAnnotation(
        MapperConfig<?> config, Annotated annotated) {
      return annotated.hasAnnotation(JsonCreator.class) && annotated.getName().equals("parse")
          ? JsonCreator.Mode.DELEGATING
          : null;
    }

    /**
     * Only where nothing stands for nothing: an empty list of search domains, say, is not the same
     * as none, which means the network's own domain.
     */
    @Override
    public JsonInclude.Value findPropertyInclusion(MapperConfig<?> config, Annotated annotated) {
      if (annotated instanceof AnnotatedMember member && member.getDeclaringClass().isRecord()) {
        for (RecordComponent c : member.getDeclaringClass().getRecordComponents()) {
          Default byDefault = c.getAnnotation(Default.class);
          if (c.getName().equals(member.getName())
              && byDefault != null
              && byDefault.value().equals("none")) {
            return JsonInclude.Value.construct(
                JsonInclude.Include.NON_EMPTY, JsonInclude.Include.ALWAYS);
          }
        }
      }
      return JsonInclude.Value.empty();
    }
  }
}
