package io.millwright.api;

import com.sun.source.doctree.DocCommentTree;
import com.sun.source.doctree.DocTree;
import com.sun.source.doctree.ParamTree;
import com.sun.source.tree.ClassTree;
import com.sun.source.util.DocTrees;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePathScanner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.jspecify.annotations.Nullable;

/** The documentation comments of types and their record components, read from the sources. */
final class Comments {
  private final Map<String, String> texts = new HashMap<>();

  private Comments() {}

  static Comments read(List<Path> roots) throws IOException {
    List<Path> files;
    Comments out = new Comments();
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    for (Path root : roots) {
      try (Stream<Path> all = Files.walk(root)) {
        files = all.filter(f -> f.toString().endsWith(".java")).sorted().toList();
      }
      try (StandardJavaFileManager manager = compiler.getStandardFileManager(null, null, null)) {
        JavacTask task =
            (JavacTask)
                compiler.getTask(
                    null,
                    manager,
                    null,
                    List.of("--release", "25"),
                    null,
                    manager.getJavaFileObjectsFromPaths(files));
        DocTrees docs = DocTrees.instance(task);
        for (var unit : task.parse()) {
          out.new Reader(docs).scan(unit, unit.getPackageName() + ".");
        }
      }
    }
    return out;
  }

  private final class Reader extends TreePathScanner<@Nullable Void, String> {
    private final DocTrees docs;

    Reader(DocTrees docs) {
      this.docs = docs;
    }

    @Override
    public @Nullable Void visitClass(ClassTree type, String prefix) {
      String name = prefix + type.getSimpleName();
      DocCommentTree comment = docs.getDocCommentTree(getCurrentPath());
      if (comment != null) {
        texts.put(name, text(comment.getFullBody()));
        for (DocTree tag : comment.getBlockTags()) {
          if (tag instanceof ParamTree param) {
            texts.put(name + "#" + param.getName(), sentence(text(param.getDescription())));
          }
        }
      }
      return super.visitClass(type, name + ".");
    }
  }

  private static String text(List<? extends DocTree> parts) {
    return parts.stream()
        .map(Object::toString)
        .collect(Collectors.joining())
        .replaceAll("\\{@(?:code|link|value) #?([^}]*)}", "`$1`")
        .replaceAll("\\s*<p>\\s*", "\n\n")
        .replaceAll("[ \t]*\n[ \t]*(?!\n)", "\n")
        .replaceAll("(?<!\n)\n(?!\n)", " ")
        .strip();
  }

  private static String sentence(String text) {
    String upper =
        text.isEmpty() ? "" : text.substring(0, 1).toUpperCase(Locale.ROOT) + text.substring(1);
    return upper.endsWith(".") ? upper : upper + ".";
  }

  /** The comment of a type. */
  @Nullable String of(Class<?> type) {
    return texts.get(String.valueOf(type.getCanonicalName()));
  }

  /** The comment of a component of a record. */
  @Nullable String of(Class<?> type, String component) {
    return texts.get(type.getCanonicalName() + "#" + component);
  }
}
