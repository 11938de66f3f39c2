package io.millwright.api;

import io.millwright.engine.access.Caller;
import io.millwright.engine.access.Verb;
import io.millwright.engine.machine.InstallSpecs;
import io.millwright.engine.machine.Lookup;
import io.millwright.engine.port.Tx;
import io.millwright.engine.request.MachineImport;
import io.millwright.model.Kind;
import io.millwright.model.MachineSpec;
import io.millwright.model.MachineStatus;
import io.millwright.model.Power;
import io.millwright.model.Resource;
import io.millwright.model.TimeSpan;
import io.millwright.model.manifest.Draft;
import io.millwright.model.manifest.Json;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.tags.Tag;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import tools.jackson.databind.JsonNode;

/** Machines, and what can be done with them besides declaring. */
@RestController
@RequestMapping("/api/v1/projects/{project}/machines")
@Tag(name = "machines", description = "Machines that people ask for.")
final class MachinesApi extends Collection {

  private final ConsoleSocket console;
  private final ConsoleTickets tickets;

  MachinesApi(Backend backend, LiveStreams live, ConsoleSocket console, ConsoleTickets tickets) {
    super(Kind.MACHINE, backend, live);
    this.console = console;
    this.tickets = tickets;
  }

  @Operation(
      operationId = "powerOnMachine",
      summary = "Powers a machine on",
      description = "Declares spec.power: on. Nothing is done if that is declared already.")
  @Needs(Verb.OPERATE)
  @PostMapping("/{name}:power-on")
  ResponseEntity<byte[]> powerOn(
      @PathVariable String project, @PathVariable String name, Once once) {
    return power(once, project, name, Power.ON);
  }

  @Operation(
      operationId = "powerOffMachine",
      summary = "Shuts a machine down",
      description =
          "Declares spec.power: off. The guest is asked to stop; when it does not, the power is"
              + " cut. Nothing is done if that is declared already.")
  @Needs(Verb.OPERATE)
  @PostMapping("/{name}:power-off")
  ResponseEntity<byte[]> powerOff(
      @PathVariable String project, @PathVariable String name, Once once) {
    return power(once, project, name, Power.OFF);
  }

  private ResponseEntity<byte[]> power(Once once, String project, String name, Power power) {
    Caller caller = Callers.now();
    return once.answer(tx -> {
      Optional<io.millwright.model.Operation> operation =
          backend.engine().power().set(tx, caller, project, name, power);
      return operation
          .map(Answer::accepted)
          .orElseGet(() -> Answer.of(200, find(tx, project, name)));
    });
  }

  @Operation(
      operationId = "resetMachine",
      summary = "Presses a machine's reset button",
      description = "Refused while other work on the machine goes on.")
  @Needs(Verb.OPERATE)
  @PostMapping("/{name}:reset")
  ResponseEntity<byte[]> reset(@PathVariable String project, @PathVariable String name, Once once) {
    Caller caller = Callers.now();
    return once.answer(
        tx -> Answer.accepted(backend.engine().power().reset(tx, caller, project, name)));
  }

  @Operation(
      operationId = "rebuildMachine",
      summary = "Gives a machine a new system disk",
      description =
          "Name, UUID, MACs, addresses, DNS and volumes stay. The old disk is deleted when the new"
              + " system is up; if that does not come up, the machine goes back to the old one. A"
              + " dry run tells what would be destroyed and kept, with the very plan that would"
              + " run.")
  @Needs(Verb.OPERATE)
  @PostMapping("/{name}:rebuild")
  ResponseEntity<byte[]> rebuild(
      @PathVariable String project,
      @PathVariable String name,
      @Parameter(description = "another image, which becomes the declared one")
          @RequestParam(required = false)
          @Nullable String image,
      @Parameter(description = "true to hear what would be done, and to have nothing done")
          @RequestParam(defaultValue = "false")
          boolean dryRun,
      Once once) {
    Caller caller = Callers.now();
    return once.answerOrTell(
        dryRun,
        () -> backend.engine().rebuild().plan(caller, project, name, image),
        tx ->
            Answer.accepted(backend.engine().rebuild().rebuild(tx, caller, project, name, image)));
  }

  @Operation(
      operationId = "revertMachine",
      summary = "Gives a machine the system disk of one of its snapshots",
      description =
          "Name, UUID, MACs, addresses, DNS and volumes stay, and so does what is declared. The"
              + " old disk is deleted when the machine is up; if it does not come up, it goes back"
              + " to the old one. A dry run tells what would be destroyed and kept, with the very"
              + " plan that would run.")
  @Needs(Verb.OPERATE)
  @PostMapping("/{name}:revert")
  ResponseEntity<byte[]> revert(
      @PathVariable String project,
      @PathVariable String name,
      @Parameter(description = "name of a snapshot of this machine") @RequestParam String snapshot,
      @Parameter(description = "true to hear what would be done, and to have nothing done")
          @RequestParam(defaultValue = "false")
          boolean dryRun,
      Once once) {
    Caller caller = Callers.now();
    return once.answerOrTell(
        dryRun,
        () -> backend.engine().snapshots().plan(caller, project, name, snapshot),
        tx ->
            Answer.accepted(
                backend.engine().snapshots().revert(tx, caller, project, name, snapshot)));
  }

  @Operation(
      operationId = "moveMachine",
      summary = "Moves a machine to another hypervisor",
      description =
          "It gets a new system there, with the same name, UUID, MACs, addresses and DNS. Its"
              + " volumes are carried there and compared with what they were; what they were goes"
              + " into quarantine. The machine is down from the moment on in which its volumes are"
              + " read until the new system is up; if that does not come up, it goes back. A dry"
              + " run tells what would be done, with the very plan that would run.")
  @Needs(Verb.OPERATE)
  @PostMapping("/{name}:move")
  ResponseEntity<byte[]> move(
      @PathVariable String project,
      @PathVariable String name,
      @Parameter(description = "name of the hypervisor that it goes to") @RequestParam String to,
      @Parameter(description = "true to hear what would be done, and to have nothing done")
          @RequestParam(defaultValue = "false")
          boolean dryRun,
      Once once) {
    Caller caller = Callers.now();
    return once.answerOrTell(
        dryRun,
        () -> backend.engine().move().plan(caller, project, name, to),
        tx -> Answer.accepted(backend.engine().move().move(tx, caller, project, name, to)));
  }

  /**
   * Whence a value comes.
   *
   * @param field such as {@code timezone}, {@code users[alice]} or {@code packageSource.proxy}
   * @param from the layer that sets it, such as {@code Network lab}, {@code Profile web}, {@code
   *     Group web} or {@code the machine}
   */
  record OriginView(String field, String from) {}

  /** All values of a machine's customisation, in the order of their fields. */
  record CustomisationView(List<OriginView> items) {}

  @Operation(
      operationId = "getMachineCustomisation",
      summary = "Tells which layer sets each value of a machine's customisation",
      description =
          "Of the layers Network, Profile, Group and Machine the later wins. As its next system"
              + " will have it: a change of a layer reaches a machine when that is rebuilt.")
  @Needs(Verb.VIEW)
  @GetMapping("/{name}/customisation")
  CustomisationView customisation(@PathVariable String project, @PathVariable String name) {
    return backend
        .store()
        .read(tx ->
            new CustomisationView(
                InstallSpecs.origins(
                        new Lookup(tx),
                        find(tx, project, name).as(MachineSpec.class, MachineStatus.class))
                    .entrySet()
                    .stream()
                    .map(e -> new OriginView(e.getKey(), e.getValue()))
                    .toList()));
  }

  /**
   * A machine that was imported, or would be.
   *
   * @param applied what was declared
   * @param manifests that declare the same: applied, they change nothing
   * @param notes what of the machine could not be declared, one line each
   */
  record ImportView(ApplyView applied, List<ManifestView> manifests, List<String> notes) {
    static ImportView of(MachineImport.Imported imported, boolean dryRun) {
      return new ImportView(
          ApplyView.of(imported.applied(), dryRun),
          imported.drafts().stream().map(ManifestView::of).toList(),
          imported.notes());
    }
  }

  /** What a user could have written; it names no project. */
  record ManifestView(String apiVersion, Kind kind, ManifestMetadata metadata, JsonNode spec) {
    static ManifestView of(Draft draft) {
      return new ManifestView(
          "millwright/v1",
          draft.kind(),
          new ManifestMetadata(draft.name()),
          Json.tree(draft.spec()));
    }
  }

  /** By what a manifest is known. */
  record ManifestMetadata(String name) {}

  @Operation(
      operationId = "importMachine",
      summary = "Takes over a machine that somebody else made, as it is",
      description =
          "It is declared as it was found, under the UUID that it has, together with a Size of its"
              + " shape if there is none; its MACs, and the addresses that its guest's agent tells,"
              + " are reserved in the Network that it is on. Nothing of it is written but"
              + " Millwright's mark. A dry run tells what would be declared.")
  @Needs(value = Verb.TEND, where = Needs.Where.HOUSE)
  @PostMapping("/{name}:import")
  ResponseEntity<byte[]> importIt(
      @PathVariable String project,
      @PathVariable String name,
      @Parameter(description = "name of the hypervisor that it is on") @RequestParam
          String hypervisor,
      @Parameter(description = "name or UUID by which the hypervisor knows it") @RequestParam
          String object,
      @Parameter(description = "true to hear what would be done, and to have nothing done")
          @RequestParam(defaultValue = "false")
          boolean dryRun,
      Once once) {
    Caller caller = Callers.now();
    MachineImport imports = backend.engine().machineImport();
    MachineImport.Found found =
        imports.look(new MachineImport.Wanted(project, name, hypervisor, object));
    if (dryRun) {
      return Answer.of(200, ImportView.of(imports.plan(caller, found), true)).entity();
    }
    return once.answer(
        tx -> Answer.of(202, ImportView.of(imports.declare(tx, caller, found), false)));
  }

  /**
   * A key to a console just made.
   *
   * @param ticket to be given as {@code ticket} when the console is opened; shown this once
   * @param expiresAt until when it opens
   */
  record ConsoleTicketView(String ticket, Instant expiresAt) {}

  @Operation(
      operationId = "createConsoleTicket",
      summary = "Makes a ticket that opens a machine's console once",
      description =
          "For browsers. It is good for 30 seconds, for this machine, at this server, and no longer"
              + " than the token or the session with which it was asked for.")
  @Needs(Verb.CONSOLE)
  @Again(refused = "a ticket is not kept")
  @PostMapping("/{name}/console-tickets")
  ResponseEntity<ConsoleTicketView> consoleTicket(
      @PathVariable String project, @PathVariable String name) {
    find(project, name);
    ConsoleTickets.Fresh fresh = tickets.issue(project, name);
    return ResponseEntity.status(201).body(new ConsoleTicketView(fresh.secret(), fresh.until()));
  }

  /**
   * A key to a screen just made.
   *
   * @param url what a viewer of this protocol opens: an address of the hypervisor, or, where it
   *     begins with a slash, a WebSocket of this server; it opens without anything else, once, and
   *     is shown this once
   * @param protocol that is spoken there; {@code vnc} is RFB in binary frames
   * @param thumbprint of the certificate that answers there, or null
   */
  record ScreenTicketView(String url, String protocol, @Nullable String thumbprint) {}

  @Operation(
      operationId = "createScreenTicket",
      summary = "Makes a ticket that opens a machine's screen once",
      description =
          "Where the server passes the screen on, it is a ticket as of createConsoleTicket."
              + " Otherwise the hypervisor makes it, for a viewer that reaches the hypervisor"
              + " itself, and decides for how long it is good. A hypervisor without screens answers"
              + " with a conflict.")
  @Needs(Verb.CONSOLE)
  @Again(refused = "a ticket is not kept")
  @PostMapping("/{name}/screen-tickets")
  ResponseEntity<ScreenTicketView> screenTicket(
      @PathVariable String project, @PathVariable String name) {
    ScreenTicketView view =
        backend
            .engine()
            .consoles()
            .screen(project, name)
            .map(t -> new ScreenTicketView(t.url(), t.protocol(), t.thumbprint()))
            .orElseGet(() -> {
              String secret = tickets.issue(project, name).secret();
              return new ScreenTicketView(
                  "/api/v1/projects/" + project + "/machines/" + name + "/screen?ticket=" + secret,
                  "vnc",
                  null);
            });
    return ResponseEntity.status(201).body(view);
  }

  @Operation(
      operationId = "openScreen",
      summary = "Opens a machine's screen",
      description =
          "A WebSocket with the bytes of RFB (RFC 6143), which asks for no password: binary frames"
              + " both ways. Only of machines whose screen the server passes on. A browser, which"
              + " cannot send a token here, shows a ticket instead.")
  @Needs(Verb.CONSOLE)
  @GetMapping("/{name}/screen")
  void screen(
      @PathVariable String project,
      @PathVariable String name,
      @Parameter(description = "of createScreenTicket, in place of a token")
          @RequestParam(required = false)
          @Nullable String ticket,
      HttpServletRequest request,
      HttpServletResponse response) {
    console.open(request, response, () -> backend.engine().consoles().openScreen(project, name));
  }

  @Override
  List<ActionView> actions(Tx tx, Resource<?, ?> found) {
    Resource<MachineSpec, MachineStatus> machine = found.as(MachineSpec.class, MachineStatus.class);
    Power power = machine.spec().power();
    String going = found.deleting() ? "it is being deleted" : "";
    String busy =
        going.isEmpty()
            ? tx.operations().active(found.uid()).map(o -> o.title() + " is going on").orElse("")
            : going;
    List<ActionView> out = new ArrayList<>(super.actions(tx, found));
    out.add(
        ActionView.of(
            "power-on",
            Verb.OPERATE,
            found,
            going.isEmpty() && power == Power.ON ? "it is declared to be on already" : going));
    out.add(
        ActionView.of(
            "power-off",
            Verb.OPERATE,
            found,
            going.isEmpty() && power == Power.OFF ? "it is declared to be off already" : going));
    out.add(
        ActionView.of(
            "reset",
            Verb.OPERATE,
            found,
            busy.isEmpty() && power == Power.OFF ? "it is declared to be off" : busy));
    String foreign =
        machine.spec().foreignMade() ? "it was imported, and made from no image of ours" : "";
    out.add(ActionView.of("rebuild", Verb.OPERATE, found, going.isEmpty() ? foreign : going));
    out.add(
        ActionView.of(
            "snapshot",
            Verb.DECLARE,
            found,
            busy.isEmpty() && !foreign.isEmpty()
                ? foreign
                : busy.isEmpty() && (power == Power.ON || machine.status().power() != Power.OFF)
                    ? "it is on, and what is kept is its disk at rest"
                    : busy));
    out.add(ActionView.of("revert", Verb.OPERATE, found, busy));
    out.add(
        ActionView.of(
            "move",
            Verb.OPERATE,
            found,
            going.isEmpty() && !foreign.isEmpty()
                ? foreign
                : going.isEmpty() && (power == Power.OFF || machine.status().readyBy() == null)
                    ? "it is not up"
                    : going));
    out.add(
        ActionView.of(
            "extend",
            Verb.OPERATE,
            found,
            going.isEmpty() && machine.status().expiresAt() == null ? "it has no end" : going));
    out.add(ActionView.of("console", Verb.CONSOLE, found, ""));
    return out;
  }

  @Operation(
      operationId = "extendMachine",
      summary = "Moves a machine's end",
      description =
          "From now on it has as long as ttl says, which must not be less than it has anyway. What"
              + " is declared in spec.expiry stays as it is.")
  @Needs(Verb.OPERATE)
  @PostMapping("/{name}:extend")
  ResponseEntity<byte[]> extend(
      @PathVariable String project,
      @PathVariable String name,
      @Parameter(description = "how long it lives from now on, such as 4h; at most 365d")
          @RequestParam
          String ttl,
      Once once) {
    TimeSpan span = Inputs.span("ttl", ttl);
    return once.answer(tx ->
        Answer.of(200, ResourceView.of(backend.engine().expire().extend(tx, project, name, span))));
  }

  @Operation(
      operationId = "heartbeatMachine",
      summary = "Says that the caller of a machine is still there",
      description =
          "A machine with spec.expiry.leash is deleted when this was not said for so long. Time in"
              + " which the server could not be asked does not count.")
  @Needs(value = Verb.OPERATE, routine = true)
  @Again(harmless = "it says only that the caller is there now")
  @PostMapping("/{name}:heartbeat")
  ResponseEntity<Void> heartbeat(@PathVariable String project, @PathVariable String name) {
    backend.store().write(tx -> backend.engine().expire().beat(tx, project, name));
    return ResponseEntity.noContent().build();
  }

  @Operation(
      operationId = "openConsole",
      summary = "Opens a machine's serial console",
      description =
          "A WebSocket: binary frames both ways. Closing it closes the console; when the console"
              + " ends, so does the socket. A browser, which cannot send a token here, shows a"
              + " ticket instead.")
  @Needs(Verb.CONSOLE)
  @GetMapping("/{name}/console")
  void console(
      @PathVariable String project,
      @PathVariable String name,
      @Parameter(description = "of createConsoleTicket, in place of a token")
          @RequestParam(required = false)
          @Nullable String ticket,
      HttpServletRequest request,
      HttpServletResponse response) {
    console.open(request, response, () -> backend.engine().consoles().openSerial(project, name));
  }
}
