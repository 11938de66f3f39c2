package io.millwright.model.manifest;

import com.sun.source.doctree.DocCommentTree;
import com.sun.source.doctree.DocTree;
import com.sun.source.doctree.EndElementTree;
import com.sun.source.doctree.LinkTree;
import com.sun.source.doctree.LiteralTree;
import com.sun.source.doctree.ParamTree;
import com.sun.source.doctree.StartElementTree;
import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.VariableTree;
import com.sun.source.util.DocTrees;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePathScanner;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.jspecify.annotations.Nullable;

/** What the Javadoc of the model's sources says, as Markdown. */
final class SourceDocs {
  /** Of a class under {@code MachineSpec.Nic}, of a component or constant with {@code #name}. */
  private final Map<String, String> texts = new HashMap<>();

  private SourceDocs() {}

  static SourceDocs read(Path sources) {
    SourceDocs docs = new SourceDocs();
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null);
        Stream<Path> walk = Files.walk(sources)) {
      List<Path> paths = walk.filter(p -> p.toString().endsWith(".java")).sorted().toList();
      JavacTask task =
          (JavacTask)
              compiler.getTask(
                  null,
                  files,
                  null,
                  List.of("-proc:none"),
                  null,
                  files.getJavaFileObjectsFromPaths(paths));
      DocTrees trees = DocTrees.instance(task);
      for (CompilationUnitTree unit : task.parse()) {
        docs.new Scanner(trees).scan(unit, null);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return docs;
  }

  /** The text, or an empty one. */
  String of(String key) {
    return texts.getOrDefault(key, "");
  }

  private final class Scanner extends TreePathScanner<@Nullable Void, @Nullable Void> {
    private final DocTrees trees;
    private final Deque<String> names = new ArrayDeque<>();

    Scanner(DocTrees trees) {
      this.trees = trees;
    }

    @Override
    public @Nullable Void visitClass(ClassTree tree, @Nullable Void nothing) {
      names.addLast(tree.getSimpleName().toString());
      String name = String.join(".", names);
      DocCommentTree doc = trees.getDocCommentTree(getCurrentPath());
      if (doc != null) {
        texts.put(name, markdown(doc.getFullBody()));
        for (DocTree tag : doc.getBlockTags()) {
          if (tag instanceof ParamTree param) {
            texts.put(name + "#" + param.getName(), markdown(param.getDescription()));
          }
        }
      }
      super.visitClass(tree, null);
      names.removeLast();
      return null;
    }

    @Override
    public @Nullable Void visitVariable(VariableTree tree, @Nullable Void nothing) {
      DocCommentTree doc = trees.getDocCommentTree(getCurrentPath());
      if (doc != null) {
        texts.put(String.join(".", names) + "#" + tree.getName(), markdown(doc.getFullBody()));
      }
      return null;
    }
  }

  private static String markdown(List<? extends DocTree> parts) {
    StringBuilder out = new StringBuilder();
    for (DocTree part : parts) {
      switch (part) {
        case LiteralTree literal ->
            out.append('`').append(literal.getBody().getBody().strip()).append('`');
        case LinkTree link -> out.append('`').append(link.getReference()).append('`');
        case StartElementTree _ -> out.append(' ');
        case EndElementTree _ -> out.append(' ');
        default -> out.append(part);
      }
    }
    return out.toString().replaceAll("\\s+", " ").strip();
  }
}
