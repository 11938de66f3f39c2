package io.millwright.api;

import io.millwright.engine.access.Verb;
import io.millwright.engine.machine.Isos;
import io.millwright.model.Kind;
import io.millwright.model.Problem;
import io.millwright.model.ProblemException;
import io.millwright.model.manifest.Draft;
import io.millwright.model.manifest.Manifests;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Installation media and answer files for machines that need not be declared. */
@RestController
@RequestMapping("/api/v1/projects/{project}")
@Tag(name = "isos", description = "Installation media for machines that need not be declared.")
final class IsosApi {
  private static final int AT_ONCE = 32;
  private static final long CHUNK = 4 << 20;
  private static final Pattern RANGE = Pattern.compile("bytes=([0-9]{0,18})-([0-9]{0,18})");

  private final Backend backend;
  private final Semaphore places = new Semaphore(AT_ONCE);

  IsosApi(Backend backend) {
    this.backend = backend;
  }

  /**
   * One file.
   *
   * @param place on what it is put: medium, initrd, or seed (a second medium, or a golden image's)
   * @param content with passwords' hashes masked
   * @param main true for the one that the installer begins with
   */
  record AnswerFileView(
      String place, String path, String content, boolean executable, boolean main) {
    static AnswerFileView of(Isos.Answer file) {
      return new AnswerFileView(
          file.place(), file.path(), file.content(), file.executable(), file.main());
    }
  }

  /**
   * What stands in a preview and is nobody's yet; another machine may be quicker.
   *
   * @param of the interface or volume that would have it
   * @param field ipv4 or ipv6, by the order in which addresses are given; mac or serial, which only
   *     stand for those that it will have
   */
  record ProposedView(String of, String field, String value) {
    static ProposedView of(Isos.Proposed proposed) {
      return new ProposedView(proposed.of(), proposed.field(), proposed.value());
    }
  }

  /**
   * All that the installer, or the first boot of a golden image, is told.
   *
   * @param system for people
   * @param proposed what would be given to the machine, and is not reserved
   */
  record RenderingView(
      String system,
      List<AnswerFileView> files,
      List<String> kernelArguments,
      List<ProposedView> proposed) {}

  @Operation(
      operationId = "render",
      summary = "Shows what a machine would be told",
      description =
          "The body has one Machine, and what it names of Profile, Network, Size and Volume unless"
              + " that is declared. The answer has the files for its installer or, if its image is"
              + " a golden one, those of its first-boot seed. Nothing is stored or reserved, and no"
              + " hypervisor is needed: addresses that the machine would be given are proposed."
              + " Hashes of passwords are masked, and where a first boot reports is left out.")
  @Needs(value = Verb.DECLARE, of = Kind.MACHINE)
  @Again(harmless = "nothing is done by it")
  @PostMapping("/renderings")
  RenderingView render(
      @PathVariable String project,
      @Parameter(description = "release such as rocky-9; that of the machine's image if not given")
          @RequestParam(required = false)
          @Nullable String installer,
      @Parameter(
              description =
                  "serial, path or range of sizes (100GiB..600GiB) of the disk that is overwritten;"
                      + " if not given /dev/vda, or the only disk there is where the installer"
                      + " knows no such name")
          @RequestParam(required = false)
          @Nullable String disk,
      @Parameter(description = "what the body is called in messages, such as hello.yaml")
          @RequestHeader(name = "X-Source", required = false)
          @Nullable String source,
      @RequestBody Body body) {
    Isos.Rendered out =
        backend.engine().isos().render(wanted(project, installer, disk, source, body));
    return new RenderingView(
        out.title(),
        out.files().stream().map(AnswerFileView::of).toList(),
        out.kernelArguments(),
        out.proposed().stream().map(ProposedView::of).toList());
  }

  @Operation(
      operationId = "createIso",
      summary = "Makes an installation medium",
      description =
          "The body has one Machine, as for renderings; the answer is a medium that installs it"
              + " without asking, composed while it is sent. Nothing is stored, and no hypervisor"
              + " is needed. The same body gives the same bytes and the same ETag, so a part can be"
              + " asked for by Range. The medium holds the hashes of passwords.")
  @Needs(value = Verb.DECLARE, of = Kind.MACHINE)
  @Again(harmless = "nothing is done by it")
  @PostMapping("/isos")
  void iso(
      @PathVariable String project,
      @Parameter(
              description =
                  "release such as rocky-9, for a seed; that of the machine's image if not given")
          @RequestParam(required = false)
          @Nullable String installer,
      @Parameter(
              description =
                  "serial, path or range of sizes (100GiB..600GiB) of the disk that is overwritten;"
                      + " if not given /dev/vda, or the only disk there is where the installer"
                      + " knows no such name")
          @RequestParam(required = false)
          @Nullable String disk,
      @Parameter(
              description =
                  "own: the vendor's medium with the answers on it; seed: the small one that is put"
                      + " beside the vendor's")
          @RequestParam(defaultValue = "own")
          String medium,
      @Parameter(description = "one range of bytes, such as bytes=1024-")
          @RequestHeader(name = "Range", required = false)
          @Nullable String range,
      @Parameter(description = "an ETag; if the medium has another one, all of it is sent")
          @RequestHeader(name = "If-Range", required = false)
          @Nullable String ifRange,
      @Parameter(description = "what the body is called in messages, such as hello.yaml")
          @RequestHeader(name = "X-Source", required = false)
          @Nullable String source,
      @RequestBody Body body,
      @Parameter(hidden = true) HttpServletResponse response)
      throws Exception {
    Inputs.word("medium", medium, List.of("own", "seed"));
    Isos.Wanted wanted = wanted(project, installer, disk, source, body);
    if (!places.tryAcquire()) {
      throw ProblemException.of(
          Problem.Type.TOO_MANY, AT_ONCE + " media are being sent; try again when one is through");
    }
    try (Isos.Iso iso =
        medium.equals("own")
            ? backend.engine().isos().own(wanted)
            : backend.engine().isos().seed(wanted)) {
      send(iso, name(wanted), range, ifRange, response);
    } finally {
      places.release();
    }
  }

  private static String name(Isos.Wanted wanted) {
    return wanted.drafts().stream()
        .filter(d -> d.kind() == Kind.MACHINE)
        .map(Draft::name)
        .findFirst()
        .orElse("machine");
  }

  private static Isos.Wanted wanted(
      String project,
      @Nullable String installer,
      @Nullable String disk,
      @Nullable String source,
      Body body) {
    List<Draft> drafts =
        Manifests.parse(body.bytes(), Inputs.source(source)).stream()
            .map(d -> d.orProject(project))
            .toList();
    Manifests.requireUnique(drafts);
    return new Isos.Wanted(project, drafts, installer, disk);
  }

  private static void send(
      Isos.Iso iso,
      String name,
      @Nullable String range,
      @Nullable String ifRange,
      HttpServletResponse response)
      throws IOException {
    String tag = "\"" + iso.tag() + "\"";
    long size = iso.size();
    long from = 0;
    long to = size;
    Matcher m = RANGE.matcher(range == null ? "" : range);
    boolean part =
        m.matches()
            && m.group(1).length() + m.group(2).length() > 0
            && (ifRange == null || ifRange.equals(tag));
    response.setHeader("Accept-Ranges", "bytes");
    response.setHeader("ETag", tag);
    if (part) {
      if (m.group(1).isEmpty()) {
        from = Math.max(0, size - Long.parseLong(m.group(2)));
      } else {
        from = Long.parseLong(m.group(1));
        to = m.group(2).isEmpty() ? size : Math.min(size, Long.parseLong(m.group(2)) + 1);
      }
      if (from >= to) {
        response.setHeader("Content-Range", "bytes */" + size);
        response.setStatus(HttpServletResponse.SC_REQUESTED_RANGE_NOT_SATISFIABLE);
        return;
      }
      response.setStatus(HttpServletResponse.SC_PARTIAL_CONTENT);
      response.setHeader("Content-Range", "bytes " + from + "-" + (to - 1) + "/" + size);
    }
    response.setContentType("application/x-iso9660-image");
    response.setHeader("Content-Disposition", "attachment; filename=\"" + name + ".iso\"");
    response.setHeader("Cache-Control", "no-store");
    response.setContentLengthLong(to - from);
    WritableByteChannel out = Channels.newChannel(response.getOutputStream());
    for (long at = from; at < to; at += CHUNK) {
      iso.transfer(at, Math.min(CHUNK, to - at), out);
    }
  }
}
