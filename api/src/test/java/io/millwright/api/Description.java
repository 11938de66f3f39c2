package io.millwright.api;

import io.millwright.engine.port.Projects;
import io.millwright.model.Kind;
import io.swagger.v3.oas.models.OpenAPI;
import io.swagger.v3.oas.models.Operation;
import io.swagger.v3.oas.models.Paths;
import io.swagger.v3.oas.models.headers.Header;
import io.swagger.v3.oas.models.info.Info;
import io.swagger.v3.oas.models.info.License;
import io.swagger.v3.oas.models.media.Content;
import io.swagger.v3.oas.models.media.JsonSchema;
import io.swagger.v3.oas.models.media.MediaType;
import io.swagger.v3.oas.models.media.Schema;
import io.swagger.v3.oas.models.parameters.HeaderParameter;
import io.swagger.v3.oas.models.parameters.Parameter;
import io.swagger.v3.oas.models.parameters.RequestBody;
import io.swagger.v3.oas.models.responses.ApiResponse;
import io.swagger.v3.oas.models.responses.ApiResponses;
import io.swagger.v3.oas.models.security.SecurityRequirement;
import io.swagger.v3.oas.models.security.SecurityScheme;
import io.swagger.v3.oas.models.tags.Tag;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.springdoc.core.customizers.OpenApiCustomizer;
import org.springdoc.core.customizers.OperationCustomizer;
import org.springdoc.core.utils.SpringDocUtils;
import org.springframework.web.method.HandlerMethod;

/** Completes the description of the API by what springdoc cannot see in the code. */
final class Description implements OperationCustomizer, OpenApiCustomizer {
  private static final String JSON = "application/json";
  private static final String YAML = "application/yaml";
  private static final String EVENTS = "text/event-stream";
  private static final String PROBLEM = "application/problem+json";
  private static final Set<Kind> WORKED_ON =
      EnumSet.of(Kind.IMAGE, Kind.VOLUME, Kind.MACHINE, Kind.SNAPSHOT, Kind.GROUP);
  private static final Set<Kind> DELETED_BY_WORK =
      EnumSet.of(
          Kind.HYPERVISOR,
          Kind.NETWORK,
          Kind.IMAGE,
          Kind.VOLUME,
          Kind.MACHINE,
          Kind.SNAPSHOT,
          Kind.GROUP,
          Kind.POOL);

  private static final String BUNDLE =
      "One Machine, and what it names of Profile and Network unless that is declared; YAML with"
          + " one or several documents, or JSON.";

  private static final String SELECTOR_HINT = "Requirements, joined by commas: ";
  private static final Map<String, String> PARAMETERS =
      Map.of(
          "project", "Name of the project.",
          "name", "Name of the resource.",
          "uid", "Identity of the operation.",
          "labelSelector",
              SELECTOR_HINT
                  + "`key=value`, `key!=value`, `key in (value,value)`, `key notin (value)`, `key`,"
                  + " `!key`.",
          "fieldSelector",
              SELECTOR_HINT
                  + "`path=value`, such as `spec.image=debian`; `status.ready` is true, false or"
                  + " unknown; `metadata.owner` is the name of the person who asked for it.",
          "limit", "How many at most, 1 to 1000.",
          "cursor", "`next` of an earlier part.",
          "If-Match", "ETags, one of which must be the present one; `*`: it must be there.",
          "If-None-Match", "ETags that the client has already; `*` with PUT: it must be new.",
          "Idempotency-Key",
              "1 to 200 printable characters. The same request with the same key is answered as"
                  + " before, with `Idempotency-Replayed: true`, and not done again.");

  private final RecordSchemas schemas;

  Description(RecordSchemas schemas) {
    SpringDocUtils.getConfig().addRequestWrapperToIgnore(Once.class);
    this.schemas = schemas;
  }

  // ---- one operation

  @Override
  public Operation customize(Operation operation, HandlerMethod method) {
    Class<?> controller = method.getBeanType();
    boolean inherited = method.getMethod().getDeclaringClass() == Collection.class;
    if (inherited) {
      Kind kind = Kind.ofTitle(controller.getSimpleName().replaceFirst("sApi$", "")).orElseThrow();
      collection(operation, kind, method.getMethod().getName());
    } else {
      other(operation);
    }
    if (Arrays.stream(method.getMethodParameters())
        .anyMatch(p -> p.getParameterType() == Once.class)) {
      operation.addParametersItem(
          new HeaderParameter()
              .name(Once.KEY)
              .required(false)
              .schema(RecordSchemas.schema("string")));
    }
    Again again = method.getMethodAnnotation(Again.class);
    if (again != null) {
      String before = operation.getDescription() == null ? "" : operation.getDescription() + " ";
      operation.setDescription(
          before
              + (again.refused().isEmpty()
                  ? "It may be sent again: " + again.harmless() + "."
                  : "An Idempotency-Key is refused, because " + again.refused() + "."));
    }
    parameters(operation);
    problems(operation);
    return operation;
  }

  private void collection(Operation operation, Kind kind, String verb) {
    String one = kind.title();
    String many = kind.title() + "s";
    String words = kind.plural();
    String word = article(kind.title().toLowerCase(Locale.ROOT));
    operation.setOperationId(
        switch (verb) {
          case "list" -> verb + many;
          case "actions" -> "list" + one + "Actions";
          default -> verb + one;
        });
    ApiResponses answers = new ApiResponses();
    switch (verb) {
      case "list" -> {
        operation.setSummary("Lists " + words + " of a project");
        operation.setDescription(
            "The project `-` stands for all. "
                + Watched.DESCRIPTION
                + " Of a deleted one only apiVersion, kind and metadata with name, project and uid."
                + " An event may come twice. A watch takes neither limit nor cursor.");
        answers.put("200", json(one + "List", "A part of the collection."));
        Objects.requireNonNull(answers.get("200").getContent())
            .put(EVENTS, new MediaType().schema(RecordSchemas.schema("string")));
        resumable(operation);
      }
      case "create" -> {
        operation.setSummary("Declares a new " + kind.title().toLowerCase(Locale.ROOT));
        body(operation, RecordSchemas.ref(one + "Manifest"), "The manifest.");
        if (WORKED_ON.contains(kind)) {
          answers.put("202", accepted());
        } else {
          answers.put(
              "201",
              etag(
                  json(one, "It is declared.")
                      .addHeaderObject("Location", header("Where it is."))));
        }
      }
      case "get" -> {
        operation.setSummary("Shows " + word);
        answers.put("200", etag(json(one, "The resource.")));
        answers.put("304", etag(new ApiResponse().description("The client has it already.")));
      }
      case "actions" -> {
        operation.setSummary("Tells what can be done with " + word);
        operation.setDescription(
            "Also what cannot be done, with the reason: the caller may not, or it makes no sense"
                + " just now.");
        schemas.of(ActionsView.class);
        answers.put("200", json("Actions", "What can be done."));
      }
      case "put" -> {
        operation.setSummary("Declares " + word + ", new or not");
        body(operation, RecordSchemas.ref(one + "Manifest"), "The manifest.");
        answers.put("200", etag(json(one, "It is declared, and there is nothing to do.")));
        if (WORKED_ON.contains(kind)) {
          answers.put("202", accepted());
        }
      }
      case "delete" -> {
        operation.setSummary("Deletes " + word);
        answers.put("204", new ApiResponse().description("It is gone."));
        if (DELETED_BY_WORK.contains(kind)) {
          answers.put("202", accepted());
        }
      }
      default -> throw new IllegalStateException(verb);
    }
    operation.setResponses(answers);
  }

  private void other(Operation operation) {
    ApiResponses answers = operation.getResponses();
    switch (operation.getOperationId()) {
      case "powerOnMachine", "powerOffMachine" -> {
        answers.clear();
        answers.put("200", etag(json("Machine", "There is nothing to do.")));
        answers.put("202", accepted());
      }
      case "resetMachine", "cancelOperation", "restoreVolume", "adoptOrphan" -> {
        answers.clear();
        answers.put("202", accepted());
      }
      case "rebuildMachine", "revertMachine", "moveMachine" -> {
        schemas.of(ApplyView.class);
        answers.clear();
        answers.put("200", json("Apply", "What would be done."));
        answers.put("202", accepted());
      }
      case "scaleGroup", "rollbackGroup" -> {
        schemas.of(ApplyView.class);
        JsonSchema either = RecordSchemas.schema();
        either.setOneOf(List.of(RecordSchemas.ref("Group"), RecordSchemas.ref("Apply")));
        answers.clear();
        answers.put("200", json(either, "There is nothing to do, or what would be done."));
        answers.put("202", accepted());
      }
      case "pauseGroup" -> {
        answers.clear();
        answers.put("200", etag(json("Group", "Its rollouts are paused.")));
      }
      case "continueGroup" -> {
        answers.clear();
        answers.put("200", etag(json("Group", "There is nothing to go on with.")));
        answers.put("202", accepted());
      }
      case "claimPool" -> {
        answers.clear();
        answers.put("200", json("Machine", "The machine, which is the caller's now."));
      }
      case "approveSource" -> {
        answers.clear();
        answers.put("200", etag(json("Source", "The commit is approved, and will be applied.")));
      }
      case "syncSource" -> {
        answers.clear();
        answers.put("200", etag(json("Source", "It is read as soon as may be.")));
      }
      case "hookSource" -> {
        answers.clear();
        answers.put("204", new ApiResponse().description("The source is read as soon as may be."));
      }
      case "extendMachine" -> {
        answers.clear();
        answers.put("200", json("Machine", "The machine, with its new end."));
      }
      case "heartbeatMachine" -> {
        answers.clear();
        answers.put("204", new ApiResponse().description("It was heard."));
      }
      case "openConsole", "openScreen" -> {
        answers.clear();
        answers.put("101", new ApiResponse().description("It is open."));
      }
      case "apply" -> {
        body(
            operation,
            RecordSchemas.schema(),
            "Manifests: YAML with one or several documents, or JSON; at most 4 MiB.");
        schemas.of(ApplyView.class);
        answers.clear();
        answers.put(
            "200", json("Apply", "It is declared, or was planned; there is nothing to do."));
        answers.put("202", json("Apply", "It is declared, and there is work to do."));
      }
      case "orderOffer" -> {
        body(operation, schemas.of(OffersApi.OrderParams.class), "What is filled in.");
        schemas.of(OffersApi.OrderView.class);
        answers.clear();
        answers.put("200", json("Order", "It was planned, or there is nothing to do."));
        answers.put("202", json("Order", "It is declared, and there is work to do."));
      }
      case "importImage" -> {
        operation.setRequestBody(
            new RequestBody()
                .description("The file, if it is to be sent.")
                .content(
                    new Content()
                        .addMediaType(
                            "application/octet-stream",
                            new MediaType().schema(RecordSchemas.schema("string")))));
        answers.clear();
        answers.put("200", etag(json("Image", "It is there already.")));
        answers.put("202", accepted());
      }
      case "render" -> body(operation, RecordSchemas.schema(), BUNDLE);
      case "createIso" -> {
        body(operation, RecordSchemas.schema(), BUNDLE);
        answers.clear();
        answers.put("200", etag(medium("The medium.")));
        answers.put("206", etag(medium("The range that was asked for.")));
        answers.put("416", new ApiResponse().description("The medium has no such range."));
      }
      case "createToken" -> {
        body(operation, schemas.of(TokensApi.TokenParams.class), "The token that is wanted.");
        answers.clear();
        answers.put("201", json("FreshToken", "The token, with its secret."));
      }
      case "signIn" -> {
        body(operation, schemas.of(SessionApi.SignInParams.class), "Who signs in.");
        schemas.of(SessionApi.SessionView.class);
        answers.clear();
        answers.put(
            "200",
            json("Session", "The session has begun.")
                .addHeaderObject("Set-Cookie", header("The session's cookie.")));
      }
      case "changePassword" -> {
        JsonSchema passwords = RecordSchemas.schema("object");
        passwords.addProperty("old", RecordSchemas.schema("string"));
        passwords.addProperty("new", RecordSchemas.schema("string"));
        passwords.setRequired(List.of("old", "new"));
        body(operation, passwords, "Both passwords.");
        answers.clear();
        answers.put("204", new ApiResponse().description("It is changed."));
      }
      case "createUser" -> {
        body(operation, schemas.of(PeopleApi.UserParams.class), "The person who is wanted.");
        schemas.of(PeopleApi.FreshUserView.class);
        answers.clear();
        answers.put("201", json("FreshUser", "The person, with a first password."));
      }
      case "createProject" -> {
        body(operation, schemas.of(ProjectsApi.ProjectParams.class), "The project.");
        schemas.of(ProjectsApi.ProjectView.class);
        answers.clear();
        answers.put("201", json("Project", "The project."));
      }
      case "putApprovalRules" ->
          body(operation, schemas.of(ApprovalsApi.ApprovalRulesView.class), "All rules.");
      case "putPrices" -> body(operation, schemas.of(ShowbackApi.PricesView.class), "The prices.");
      case "putQuota" -> body(operation, schemas.of(Projects.Quota.class), "What it may have.");
      case "putMember", "putRole" ->
          body(operation, schemas.of(PeopleApi.MemberParams.class), "The role that is wanted.");
      case "redeliver" -> {
        answers.clear();
        answers.put("204", new ApiResponse().description("It is told once more."));
      }
      case "signOut", "endSession", "deleteUser", "removeMember", "removeRole" -> {
        answers.clear();
        answers.put("204", new ApiResponse().description("It is gone."));
      }
      case "purgeOrphan" -> {
        answers.clear();
        answers.put("204", new ApiResponse().description("It is gone, or in quarantine."));
      }
      case "revokeToken" -> {
        answers.clear();
        answers.put("204", new ApiResponse().description("It is void."));
      }
      case "getOperation",
          "listApprovals",
          "listDeliveries",
          "listEvents",
          "listOperations",
          "listOrphans",
          "listProjects",
          "listQuarantine",
          "listTokens" -> {
        ApiResponse ok = Objects.requireNonNull(answers.get("200"));
        Objects.requireNonNull(ok.getContent())
            .put(EVENTS, new MediaType().schema(RecordSchemas.schema("string")));
        resumable(operation);
      }
      default -> {}
    }
    answers.forEach((status, answer) -> {
      if ("OK".equals(answer.getDescription())) {
        answer.setDescription("What was asked for.");
      }
    });
  }

  private static void resumable(Operation operation) {
    Parameter last = new Parameter().in("header").name("Last-Event-ID").required(false);
    last.setDescription("Of event streams: the id of the last event that was received.");
    last.setSchema(RecordSchemas.schema("string"));
    operation.addParametersItem(last);
  }

  private static void parameters(Operation operation) {
    if (operation.getParameters() == null) {
      return;
    }
    for (Parameter p : operation.getParameters()) {
      String text = PARAMETERS.get(p.getName());
      if (p.getDescription() == null && text != null) {
        p.setDescription(text);
      }
    }
  }

  /** Which problems an operation can have follows from what it takes. */
  private static void problems(Operation operation) {
    ApiResponses answers = operation.getResponses();
    String id = operation.getOperationId();
    boolean open = id.equals("getHealth");
    boolean signsIn = id.equals("signIn");
    boolean writes = !id.matches("(get|list|open).*");
    Map<String, String> out = new TreeMap<>();
    if (!open) {
      out.put("400", "The input is not valid.");
      out.put("401", "A valid token is needed.");
      out.put("403", "Not allowed.");
      out.put("406", "The answer cannot be given in that form.");
    }
    if (has(operation, "name", "path") || has(operation, "uid", "path")) {
      out.put("404", "There is no such thing.");
    }
    if (signsIn) {
      out.put("401", "The name or the password is wrong.");
      out.put("429", "Too many wrong passwords; Retry-After tells how long to wait.");
    }
    if (writes || id.equals("openConsole") || id.equals("openScreen")) {
      out.put("409", "It conflicts with what is there.");
    }
    if (has(operation, "Last-Event-ID", "header")) {
      out.put("410", "The journal does not go back that far; begin anew.");
      out.put("429", "Too many streams are open.");
    }
    if (has(operation, "If-Match", "header")) {
      out.put("412", "It was changed in the meantime.");
    }
    if (operation.getRequestBody() != null) {
      out.put("413", "The input is too large.");
      out.put("415", "The input is in an unknown form.");
    }
    if (has(operation, "Idempotency-Key", "header")) {
      out.put("422", "The Idempotency-Key belongs to another request.");
    }
    out.put("500", "Millwright failed.");
    out.put("503", "Not available just now.");
    out.forEach((status, text) ->
        answers.put(
            status,
            new ApiResponse()
                .description(text)
                .content(
                    new Content()
                        .addMediaType(
                            PROBLEM, new MediaType().schema(RecordSchemas.ref("Problem"))))));
  }

  private static boolean has(Operation operation, String parameter, String in) {
    return operation.getParameters() != null
        && operation.getParameters().stream()
            .anyMatch(p -> p.getName().equals(parameter) && in.equals(p.getIn()));
  }

  private static void body(Operation operation, Schema<?> schema, String text) {
    Content content =
        new Content()
            .addMediaType(JSON, new MediaType().schema(schema))
            .addMediaType(YAML, new MediaType().schema(schema));
    operation.setRequestBody(new RequestBody().required(true).description(text).content(content));
  }

  private static ApiResponse medium(String text) {
    return new ApiResponse()
        .description(text)
        .content(
            new Content()
                .addMediaType(
                    "application/x-iso9660-image",
                    new MediaType().schema(RecordSchemas.schema("string"))));
  }

  private static ApiResponse json(String schema, String text) {
    return json(RecordSchemas.ref(schema), text);
  }

  private static ApiResponse json(Schema<?> schema, String text) {
    return new ApiResponse()
        .description(text)
        .content(new Content().addMediaType(JSON, new MediaType().schema(schema)));
  }

  private static ApiResponse accepted() {
    ApiResponse out = json("Operation", "There is work to do, and this is its record.");
    out.addHeaderObject("Location", header("Where the operation is."));
    return out;
  }

  private static ApiResponse etag(ApiResponse answer) {
    return answer.addHeaderObject("ETag", header("The revision, for If-Match."));
  }

  private static Header header(String text) {
    Header out = new Header();
    out.setDescription(text);
    out.setSchema(RecordSchemas.schema("string"));
    return out;
  }

  private static String article(String word) {
    return ("aeiou".indexOf(word.charAt(0)) >= 0 ? "an " : "a ") + word;
  }

  // ---- the whole

  @Override
  public void customise(OpenAPI api) {
    api.setInfo(
        new Info()
            .title("Millwright")
            .version("v1")
            .description(
                "Self-service machines. Errors are problem documents (RFC 9457). What takes long"
                    + " is answered with 202 and an operation, which tells how it goes on.")
            .license(new License().name("Apache-2.0").identifier("Apache-2.0")));
    api.setServers(null);
    api.setSecurity(List.of(new SecurityRequirement().addList("token")));
    Paths sorted = new Paths();
    new TreeMap<>(api.getPaths()).forEach(sorted::addPathItem);
    api.setPaths(sorted);
    List<Tag> tags = new ArrayList<>(tags(api.getTags()));
    tags.sort(Comparator.comparing(Tag::getName));
    api.setTags(tags);
    for (Kind kind : Kind.values()) {
      schemas.resource(kind);
    }
    schemas.manifestMetadata();
    schemas.of(ProblemView.class);
    schemas.operation();
    schemas.of(TokensApi.FreshTokenView.class);
    api.getComponents().setSchemas(null);
    schemas.named().forEach((name, schema) -> api.getComponents().addSchemas(name, schema));
    SecurityScheme token = new SecurityScheme();
    token.setType(SecurityScheme.Type.HTTP);
    token.setScheme("bearer");
    token.setDescription("A token, such as mwt_...");
    api.getComponents().addSecuritySchemes("token", token);
  }

  private static List<Tag> tags(@Nullable List<Tag> tags) {
    return tags == null ? List.of() : tags;
  }
}
