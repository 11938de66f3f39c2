package io.millwright.planner;

import io.millwright.model.ByteSize;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One idempotent act. Its arguments are all that it needs besides the goal it belongs to. */
public sealed interface Step {

  /** Brings the image to the hypervisor. */
  record StageImage(String image, String sha256) implements Step {}

  /**
   * Makes the system disk.
   *
   * @param sha256 of the image that it starts as, or null for an empty one
   */
  record CreateDisk(String disk, ByteSize size, @Nullable String sha256) implements Step {}

  /**
   * Makes a disk that is a full copy of another one of the same hypervisor: a snapshot of a system
   * disk, or a system disk of a snapshot.
   *
   * @param from object name of the disk that is copied
   */
  record CopyDisk(String disk, String from, ByteSize size) implements Step {}

  record GrowDisk(String disk, ByteSize size) implements Step {}

  /** Puts DHCP reservations and DNS names of one network in place. */
  record Publish(String network) implements Step {}

  /** Renders the first-boot data and puts it where the machine finds it. */
  record PutSeed(String medium) implements Step {}

  /**
   * Composes the machine's own installation medium out of the vendor's, and puts it there.
   *
   * @param why it needs one, for people
   */
  record PutMedium(String medium, String why) implements Step {}

  /**
   * Makes the machine on the hypervisor, or gives it its present definition.
   *
   * @param medium in its drive, or null
   */
  record Define(@Nullable String medium) implements Step {}

  record Start() implements Step {}

  /** Attaches a data volume's disk to the machine, which runs. */
  record AttachDisk(String disk) implements Step {}

  /** Takes a data volume's disk from the machine, which runs; what is on it stays. */
  record DetachDisk(String disk) implements Step {}

  /**
   * Tells the system, which runs, of a data volume that its first boot did not know: there it gets
   * a file system, if it is blank, and its place.
   */
  record MountVolume(String disk) implements Step {}

  /**
   * Renders the answers for the installer, and puts it with them where the machine boots it.
   *
   * @param files object names of its kernel and its initial file system; none if the vendor's
   *     medium boots by itself
   * @param seed object name of a small medium for its second drive, or null
   * @param why it is started so, for people
   */
  record PutInstaller(List<String> files, @Nullable String seed, String why) implements Step {
    public PutInstaller {
      files = List.copyOf(files);
    }
  }

  /**
   * Makes the machine on the hypervisor with its system disk alone and the vendor's medium, to
   * start the installer.
   *
   * @param seed as of {@link PutInstaller}
   */
  record DefineInstaller(@Nullable String seed) implements Step {}

  record StartInstaller() implements Step {}

  /**
   * Waits for the installer to power the machine off.
   *
   * @param stallSeconds how long it may show no progress
   */
  record AwaitInstalled(int stallSeconds) implements Step {}

  /** Deletes a file that the machine booted directly. */
  record DeleteBootFile(String file) implements Step {}

  /** Asks the guest to stop, and cuts the power when it does not. */
  record Stop() implements Step {}

  record Reset() implements Step {}

  /** Waits for the first boot to report. */
  record AwaitReady(int timeoutSeconds) implements Step {}

  /** Takes the medium out of the drive. */
  record Eject() implements Step {}

  record DeleteSeed(String medium) implements Step {}

  /** Removes the machine from the hypervisor; its disks stay. */
  record Remove() implements Step {}

  /** Deletes a system disk for ever. */
  record DeleteDisk(String disk) implements Step {}

  /**
   * Does one of these acts for the machine on another hypervisor: what it has there is shut down,
   * or taken away.
   *
   * @param hypervisor its name
   */
  record There(String hypervisor, Step act) implements Step {}

  /**
   * Carries the content of a data volume, of which nobody writes any more, into a new disk on the
   * machine's hypervisor, and compares the two.
   *
   * @param volume its name
   * @param from object name of its disk
   * @param to object name of the new one
   * @param hypervisor where the machine is, for people
   */
  record CarryVolume(String volume, String from, String to, ByteSize size, String hypervisor)
      implements Step {}

  /** Deletes a copy of a data volume that nobody uses. */
  record DeleteCopy(String disk) implements Step {}

  /** Takes DHCP reservations and DNS names of one network away. */
  record Withdraw(String network) implements Step {}

  /** Makes a data volume's disk. */
  record CreateVolume(String disk, ByteSize size) implements Step {}

  record GrowVolume(String disk, ByteSize size) implements Step {}

  /** Puts a volume's disk aside, from where it can be restored; its data stays. */
  record QuarantineVolume(String disk) implements Step {}

  /** Takes a volume's disk out of quarantine, as it is. */
  record RestoreVolume(String disk, ByteSize size) implements Step {}

  /** Fetches an image and checks it. */
  record FetchImage(String from) implements Step {}

  /** Builds an image. */
  record BuildImage(String builder) implements Step {}

  /**
   * Has a machine installed by its system's own installer, until it is generalised and switched
   * off.
   *
   * @param machine its name
   */
  record InstallImage(String machine) implements Step {}

  /**
   * Reads the system disk of an installed machine as an image.
   *
   * @param machine its name
   */
  record ReadImage(String machine) implements Step {}

  /**
   * Makes a machine from a new build, and waits until it is ready and its scripts have ended well.
   *
   * @param machine its name
   */
  record CheckImage(String machine) implements Step {}

  /**
   * Throws the machine away that was installed for a build, or by which one was checked.
   *
   * @param machine its name
   */
  record RemoveTrial(String machine) implements Step {}

  /**
   * Brings a member of a group to a revision, and waits until it is healthy.
   *
   * @param machine its name
   */
  record SetMember(String machine, int revision) implements Step {}

  /** Removes a member of a group; its volumes stay or go as they are declared. */
  record RemoveMember(String machine) implements Step {}

  /** Puts our mark on a machine that somebody else made. */
  record TakeOver() implements Step {}

  /** Takes our mark off a machine that somebody else made; it stays as it is. */
  record Release() implements Step {}

  /** Forgets the resource: frees its addresses and its name. */
  record Forget() implements Step {}

  /** Names the act within its operation; the same key is the same act. */
  default String key() {
    return switch (this) {
      case StageImage s -> "stage-image/" + s.sha256();
      case CreateDisk s -> "create-disk/" + s.disk();
      case CopyDisk s -> "copy-disk/" + s.disk();
      case GrowDisk s -> "grow-disk/" + s.disk() + "/" + s.size();
      case Publish s -> "publish/" + s.network();
      case PutSeed s -> "put-seed/" + s.medium();
      case PutMedium s -> "put-medium/" + s.medium();
      case Define s -> "define/" + (s.medium() == null ? "" : s.medium());
      case Start _ -> "start";
      case AttachDisk s -> "attach-disk/" + s.disk();
      case DetachDisk s -> "detach-disk/" + s.disk();
      case MountVolume s -> "mount-volume/" + s.disk();
      case PutInstaller s -> "put-installer/" + String.join("/", s.files());
      case DefineInstaller _ -> "define-installer";
      case StartInstaller _ -> "start-installer";
      case AwaitInstalled _ -> "await-installed";
      case DeleteBootFile s -> "delete-boot-file/" + s.file();
      case Stop _ -> "stop";
      case Reset _ -> "reset";
      case AwaitReady _ -> "await-ready";
      case Eject _ -> "eject";
      case DeleteSeed s -> "delete-seed/" + s.medium();
      case Remove _ -> "remove";
      case DeleteDisk s -> "delete-disk/" + s.disk();
      case There s -> "there/" + s.act().key();
      case CarryVolume s -> "carry-volume/" + s.to();
      case DeleteCopy s -> "delete-copy/" + s.disk();
      case Withdraw s -> "withdraw/" + s.network();
      case CreateVolume s -> "create-volume/" + s.disk();
      case GrowVolume s -> "grow-volume/" + s.disk() + "/" + s.size();
      case QuarantineVolume s -> "quarantine-volume/" + s.disk();
      case RestoreVolume s -> "restore-volume/" + s.disk();
      case FetchImage _ -> "fetch-image";
      case BuildImage s -> "build-image/" + s.builder();
      case InstallImage s -> "install-image/" + s.machine();
      case ReadImage s -> "read-image/" + s.machine();
      case CheckImage s -> "check-image/" + s.machine();
      case RemoveTrial s -> "remove-trial/" + s.machine();
      case SetMember s -> "set-member/" + s.machine() + "/" + s.revision();
      case RemoveMember s -> "remove-member/" + s.machine();
      case TakeOver _ -> "take-over";
      case Release _ -> "release";
      case Forget _ -> "forget";
    };
  }

  /** For people. */
  default String title() {
    return switch (this) {
      case StageImage s -> "bring image " + s.image() + " to the hypervisor";
      case CreateDisk s -> "create the system disk of " + s.size();
      case CopyDisk s -> "copy the disk " + s.from() + " to a new one of " + s.size();
      case GrowDisk s -> "grow the system disk to " + s.size();
      case Publish s -> "publish DHCP and DNS on network " + s.network();
      case PutSeed _ -> "write the first-boot seed";
      case PutMedium s -> "compose its own installation medium, for " + s.why();
      case Define _ -> "define the machine";
      case Start _ -> "power it on";
      case AttachDisk _ -> "attach the volume while it runs";
      case DetachDisk _ -> "take the volume away while it runs";
      case MountVolume _ -> "have its system mount the volume";
      case PutInstaller s ->
          (s.files().isEmpty()
                  ? "write the installer's answers onto a seed beside the vendor's medium"
                  : "write the installer's kernel with its answers"
                      + (s.seed() == null ? "" : ", and a seed beside its medium"))
              + ", for "
              + s.why();
      case DefineInstaller _ -> "define the machine with its installer";
      case StartInstaller _ -> "start the installer";
      case AwaitInstalled _ -> "wait until it is installed";
      case DeleteBootFile _ -> "delete a file of the installer";
      case Stop _ -> "shut it down";
      case Reset _ -> "reset it";
      case AwaitReady _ -> "wait until it reports ready";
      case Eject _ -> "eject the seed";
      case DeleteSeed _ -> "delete the seed";
      case Remove _ -> "remove the machine";
      case DeleteDisk s -> "destroy the system disk " + s.disk();
      case There s -> s.act().title() + ", on " + s.hypervisor();
      case CarryVolume s ->
          "carry volume " + s.volume() + " of " + s.size() + " to " + s.hypervisor();
      case DeleteCopy s -> "delete the copy " + s.disk();
      case Withdraw s -> "withdraw DHCP and DNS on network " + s.network();
      case CreateVolume s -> "create the volume of " + s.size();
      case GrowVolume s -> "grow the volume to " + s.size();
      case QuarantineVolume _ -> "put the volume into quarantine";
      case RestoreVolume _ -> "take the volume out of quarantine";
      case FetchImage s -> "fetch " + s.from();
      case BuildImage s -> "build the image with " + s.builder();
      case InstallImage s -> "install the machine " + s.machine() + " and generalise it";
      case ReadImage s -> "read the system disk of " + s.machine() + " as an image";
      case CheckImage s -> "check the build by the machine " + s.machine();
      case RemoveTrial s -> "throw " + s.machine() + " away";
      case SetMember s ->
          "bring " + s.machine() + " to revision " + s.revision() + " and wait until it is healthy";
      case RemoveMember s -> "remove " + s.machine();
      case TakeOver _ -> "take it over as it is";
      case Release _ -> "let it go as it is";
      case Forget _ -> "release its name and addresses";
    };
  }

  /** True if something is gone afterwards that cannot be made again from what is declared. */
  default boolean destroys() {
    return switch (this) {
      case DeleteDisk _, RemoveMember _ -> true;
      case There s -> s.act().destroys();
      case StageImage _,
          CreateDisk _,
          CopyDisk _,
          GrowDisk _,
          Publish _,
          PutSeed _,
          PutMedium _,
          Define _,
          Start _,
          AttachDisk _,
          DetachDisk _,
          MountVolume _,
          PutInstaller _,
          DefineInstaller _,
          StartInstaller _,
          AwaitInstalled _,
          DeleteBootFile _,
          Stop _,
          Reset _,
          AwaitReady _,
          Eject _,
          DeleteSeed _,
          Remove _,
          CarryVolume _,
          DeleteCopy _,
          Withdraw _,
          CreateVolume _,
          GrowVolume _,
          QuarantineVolume _,
          RestoreVolume _,
          FetchImage _,
          BuildImage _,
          InstallImage _,
          ReadImage _,
          CheckImage _,
          RemoveTrial _,
          SetMember _,
          TakeOver _,
          Release _,
          Forget _ ->
          false;
    };
  }
}
