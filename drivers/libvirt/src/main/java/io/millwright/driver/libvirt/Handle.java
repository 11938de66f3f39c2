package io.millwright.driver.libvirt;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.PointerByReference;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** One object of libvirt's, freed when it is closed. */
abstract class Handle implements AutoCloseable {
  static final Libvirt C = Libvirt.get();

  final Pointer pointer;

  Handle(Pointer pointer) {
    this.pointer = pointer;
  }

  @Override
  public abstract void close();

  /** A string that libvirt gave us to keep. */
  static String owned(Pointer text) {
    try {
      return LibvirtError.utf8(text);
    } finally {
      Native.free(Pointer.nativeValue(text));
    }
  }

  /** An array of handles that libvirt gave us to keep; what {@code make} returns owns them. */
  static <T> List<T> owned(PointerByReference array, int count, Function<Pointer, T> make) {
    List<T> out = new ArrayList<>(count);
    Pointer all = array.getValue();
    if (all != null) {
      for (Pointer each : all.getPointerArray(0, count)) {
        out.add(make.apply(each));
      }
      Native.free(Pointer.nativeValue(all));
    }
    return out;
  }

  static void closeAll(List<? extends Handle> handles) {
    handles.forEach((Consumer<Handle>) Handle::close);
  }

  /** A domain: what libvirt calls a machine. */
  static final class Domain extends Handle {
    // virDomainState
    static final int RUNNING = 1;
    static final int PAUSED = 3;
    static final int SHUTDOWN = 4;
    static final int SHUTOFF = 5;
    static final int CRASHED = 6;
    static final int PMSUSPENDED = 7;
    // virDomainShutoffReason
    static final int SHUTOFF_CRASHED = 3;
    // virDomainXMLFlags
    static final int XML_INACTIVE = 2;
    // virDomainModificationImpact
    static final int AFFECT_LIVE = 1;
    static final int AFFECT_CONFIG = 2;
    static final int MODIFY_FORCE = 4;

    private static final int ELEMENT = 2; // VIR_DOMAIN_METADATA_ELEMENT

    Domain(Pointer pointer) {
      super(pointer);
    }

    /** A state and its reason, as libvirt numbers them. */
    record State(int state, int reason) {
      /** It has a process, whatever the guest in it does. */
      boolean active() {
        return state != SHUTOFF;
      }
    }

    State state() throws LibvirtError {
      IntByReference state = new IntByReference();
      IntByReference reason = new IntByReference();
      LibvirtError.check(C.virDomainGetState(pointer, state, reason, 0));
      return new State(state.getValue(), reason.getValue());
    }

    /**
     * Its state, and what the host's processors have spent on it so far.
     *
     * @param cpuNanos nanoseconds, counted by the host's clock tick, 10 ms as a rule
     */
    record Spent(int state, long cpuNanos) {}

    Spent spent() throws LibvirtError {
      try (Memory info = new Memory(40)) { // struct virDomainInfo
        LibvirtError.check(C.virDomainGetInfo(pointer, info));
        return new Spent(Byte.toUnsignedInt(info.getByte(0)), info.getLong(32));
      }
    }

    UUID uuid() throws LibvirtError {
      return uuid(pointer);
    }

    static UUID uuid(Pointer domain) throws LibvirtError {
      byte[] text = new byte[37];
      LibvirtError.check(C.virDomainGetUUIDString(domain, text));
      return UUID.fromString(new String(text, 0, 36, StandardCharsets.US_ASCII));
    }

    String xml(int flags) throws LibvirtError {
      return owned(LibvirtError.check(C.virDomainGetXMLDesc(pointer, flags)));
    }

    /** The element of our namespace, or an error NO_DOMAIN_METADATA. */
    String metadata() throws LibvirtError {
      return owned(
          LibvirtError.check(C.virDomainGetMetadata(pointer, ELEMENT, DomainXml.NAMESPACE, 0)));
    }

    /**
     * Writes the element of our namespace, or takes it away, in the definition and in what runs.
     *
     * @param element null to take it away
     */
    void metadata(@Nullable String element) throws LibvirtError {
      int where = state().active() ? AFFECT_LIVE | AFFECT_CONFIG : AFFECT_CONFIG;
      LibvirtError.check(
          C.virDomainSetMetadata(
              pointer, ELEMENT, element, DomainXml.PREFIX, DomainXml.NAMESPACE, where));
    }

    /** False for one of which nothing stays when it stops. */
    boolean persistent() throws LibvirtError {
      return LibvirtError.check(C.virDomainIsPersistent(pointer)) == 1;
    }

    /** Size of a disk as the guest sees it. */
    long capacity(String target) throws LibvirtError {
      try (Memory info = new Memory(24)) {
        LibvirtError.check(C.virDomainGetBlockInfo(pointer, target, info, 0));
        return info.getLong(0);
      }
    }

    @Override
    public void close() {
      var _ = C.virDomainFree(pointer);
    }
  }

  /** A storage pool. */
  static final class Pool extends Handle {
    Pool(Pointer pointer) {
      super(pointer);
    }

    List<Volume> volumes() throws LibvirtError {
      PointerByReference array = new PointerByReference();
      int count = LibvirtError.check(C.virStoragePoolListAllVolumes(pointer, array, 0));
      return owned(array, count, Volume::new);
    }

    /** Free bytes. */
    long available() throws LibvirtError {
      try (Memory info = new Memory(32)) {
        LibvirtError.check(C.virStoragePoolGetInfo(pointer, info));
        return info.getLong(24);
      }
    }

    void refresh() throws LibvirtError {
      LibvirtError.check(C.virStoragePoolRefresh(pointer, 0));
    }

    @Override
    public void close() {
      var _ = C.virStoragePoolFree(pointer);
    }
  }

  /** A storage volume: a disk, an image, a medium. */
  static final class Volume extends Handle {
    Volume(Pointer pointer) {
      super(pointer);
    }

    String name() throws LibvirtError {
      return LibvirtError.utf8(LibvirtError.check(C.virStorageVolGetName(pointer)));
    }

    String path() throws LibvirtError {
      return owned(LibvirtError.check(C.virStorageVolGetPath(pointer)));
    }

    String xml() throws LibvirtError {
      return owned(LibvirtError.check(C.virStorageVolGetXMLDesc(pointer, 0)));
    }

    /** Size of the disk in it, read anew from the file. */
    long capacity() throws LibvirtError {
      try (Memory info = new Memory(24)) {
        LibvirtError.check(C.virStorageVolGetInfo(pointer, info));
        return info.getLong(8);
      }
    }

    void delete() throws LibvirtError {
      LibvirtError.check(C.virStorageVolDelete(pointer, 0));
    }

    @Override
    public void close() {
      var _ = C.virStorageVolFree(pointer);
    }
  }
}
