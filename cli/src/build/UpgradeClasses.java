import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFile.ClassHierarchyResolverOption;
import java.lang.classfile.ClassFile.StackMapsOption;
import java.lang.classfile.ClassFileVersion;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.MethodModel;
import java.lang.classfile.MethodTransform;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;

/**
 * Gives the classes of a jar the form of Java 8, with stack maps: an AOT cache leaves out classes
 * older than Java 6, and to load and verify those anew costs a fifth of a command's time. What they
 * do stays as it is.
 */
final class UpgradeClasses {
  private static final int TOO_OLD = ClassFile.JAVA_6_VERSION;

  private UpgradeClasses() {}

  public static void main(String[] args) throws IOException {
    Path jar = Path.of(args[0]);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (JarFile in = new JarFile(jar.toFile());
        JarOutputStream out = new JarOutputStream(bytes)) {
      for (JarEntry entry : Collections.list(in.entries())) {
        JarEntry copy = new JarEntry(entry.getName());
        copy.setTime(entry.getTime());
        out.putNextEntry(copy);
        try (InputStream content = in.getInputStream(entry)) {
          byte[] raw = content.readAllBytes();
          out.write(entry.getName().endsWith(".class") ? upgraded(raw) : raw);
        }
        out.closeEntry();
      }
    }
    Files.write(jar, bytes.toByteArray());
  }

  private static byte[] upgraded(byte[] raw) {
    ClassFile files =
        ClassFile.of(
            StackMapsOption.GENERATE_STACK_MAPS,
            ClassHierarchyResolverOption.of(ClassHierarchyResolver.defaultResolver()));
    ClassModel model = files.parse(raw);
    if (model.majorVersion() >= TOO_OLD) {
      return raw;
    }
    // Code has to be written anew for stack maps to be made.
    MethodTransform rewrite =
        MethodTransform.transformingCode((code, element) -> code.with(element));
    ClassTransform upgrade =
        (built, element) -> {
          switch (element) {
            case ClassFileVersion _ -> built.withVersion(ClassFile.JAVA_8_VERSION, 0);
            case MethodModel method -> built.transformMethod(method, rewrite);
            default -> built.with(element);
          }
        };
    return files.transformClass(model, upgrade);
  }
}
