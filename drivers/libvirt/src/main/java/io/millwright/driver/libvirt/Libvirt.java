package io.millwright.driver.libvirt;

import com.sun.jna.Callback;
import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The functions of libvirt's C library that the driver uses, as they are declared there. Handles
 * are plain pointers, for whose life {@link Handle} and {@link Connection} answer.
 */
// Methods have the names that C gives them.
interface Libvirt extends Library {
  /** Loads the library when it is first asked for; later calls cost nothing. */
  final class Loaded {
    // Before the library, whose loading needs it; and kept here, for the library keeps no reference
    // to it that a garbage collector would see.
    private static final ErrorFunction SILENT = (data, error) -> {};

    static final Libvirt LIBVIRT = load();
    static final Qemu QEMU = Native.load("libvirt-qemu.so.0", Qemu.class);

    private Loaded() {}

    private static Libvirt load() {
      Libvirt library = Native.load("libvirt.so.0", Libvirt.class);
      // Else each error is printed to stderr, besides being returned.
      library.virSetErrorFunc(null, SILENT);
      if (library.virInitialize() < 0) {
        throw new UnsatisfiedLinkError("libvirt's client library cannot be initialised");
      }
      return library;
    }
  }

  static Libvirt get() {
    return Loaded.LIBVIRT;
  }

  static Qemu qemu() {
    return Loaded.QEMU;
  }

  /** Of libvirt-qemu. */
  interface Qemu extends Library {
    @Nullable Pointer virDomainQemuAgentCommand(
        Pointer domain, String command, int timeout, int flags);
  }

  interface ErrorFunction extends Callback {
    void invoke(@Nullable Pointer data, @Nullable Pointer error);
  }

  interface CloseFunction extends Callback {
    void invoke(Pointer connection, int reason, @Nullable Pointer opaque);
  }

  interface LifecycleFunction extends Callback {
    int invoke(Pointer connection, Pointer domain, int event, int detail, @Nullable Pointer opaque);
  }

  interface StreamFunction extends Callback {
    void invoke(Pointer stream, int events, @Nullable Pointer opaque);
  }

  interface CredentialFunction extends Callback {
    int invoke(Pointer credentials, int count, @Nullable Pointer data);
  }

  int virInitialize();

  void virSetErrorFunc(@Nullable Pointer data, ErrorFunction handler);

  @Nullable Pointer virGetLastError();

  int virEventRegisterDefaultImpl();

  int virEventRunDefaultImpl();

  @Nullable Pointer virConnectOpenAuth(String uri, Pointer auth, int flags);

  int virConnectClose(Pointer connection);

  int virConnectIsAlive(Pointer connection);

  int virConnectSetKeepAlive(Pointer connection, int interval, int count);

  int virConnectRegisterCloseCallback(
      Pointer connection, CloseFunction callback, @Nullable Pointer opaque, @Nullable Pointer free);

  int virConnectUnregisterCloseCallback(Pointer connection, CloseFunction callback);

  int virConnectDomainEventRegisterAny(
      Pointer connection,
      @Nullable Pointer domain,
      int event,
      LifecycleFunction callback,
      @Nullable Pointer opaque,
      @Nullable Pointer free);

  int virConnectDomainEventDeregisterAny(Pointer connection, int id);

  @Nullable Pointer virConnectGetType(Pointer connection);

  int virConnectGetVersion(Pointer connection, LongByReference version);

  int virConnectGetLibVersion(Pointer connection, LongByReference version);

  @Nullable Pointer virConnectGetHostname(Pointer connection);

  @Nullable Pointer virConnectGetCapabilities(Pointer connection);

  int virNodeGetInfo(Pointer connection, Pointer info);

  @Nullable Pointer virConnectGetDomainCapabilities(
      Pointer connection,
      @Nullable String emulator,
      String arch,
      @Nullable String machine,
      String type,
      int flags);

  int virConnectListAllDomains(Pointer connection, PointerByReference domains, int flags);

  int virConnectGetAllDomainStats(
      Pointer connection, int stats, PointerByReference records, int flags);

  void virDomainStatsRecordListFree(Pointer records);

  @Nullable Pointer virDomainLookupByUUIDString(Pointer connection, String uuid);

  @Nullable Pointer virDomainLookupByName(Pointer connection, String name);

  @Nullable Pointer virDomainDefineXMLFlags(Pointer connection, String xml, int flags);

  @Nullable Pointer virDomainCreateXML(Pointer connection, String xml, int flags);

  int virDomainFree(Pointer domain);

  int virDomainGetUUIDString(Pointer domain, byte[] buffer);

  int virDomainGetState(Pointer domain, IntByReference state, IntByReference reason, int flags);

  int virDomainGetInfo(Pointer domain, Pointer info);

  @Nullable Pointer virDomainGetXMLDesc(Pointer domain, int flags);

  @Nullable Pointer virDomainGetMetadata(Pointer domain, int type, String uri, int flags);

  int virDomainSetMetadata(
      Pointer domain, int type, @Nullable String metadata, String key, String uri, int flags);

  int virDomainIsPersistent(Pointer domain);

  int virDomainGetBlockInfo(Pointer domain, String disk, Pointer info, int flags);

  int virDomainRename(Pointer domain, String name, int flags);

  int virDomainCreate(Pointer domain);

  int virDomainResume(Pointer domain);

  int virDomainPMWakeup(Pointer domain, int flags);

  int virDomainShutdownFlags(Pointer domain, int flags);

  int virDomainDestroyFlags(Pointer domain, int flags);

  int virDomainReset(Pointer domain, int flags);

  int virDomainUndefineFlags(Pointer domain, int flags);

  int virDomainAttachDeviceFlags(Pointer domain, String xml, int flags);

  int virDomainDetachDeviceFlags(Pointer domain, String xml, int flags);

  int virDomainUpdateDeviceFlags(Pointer domain, String xml, int flags);

  int virDomainBlockResize(Pointer domain, String disk, long size, int flags);

  int virDomainOpenConsole(Pointer domain, @Nullable String device, Pointer stream, int flags);

  int virDomainOpenGraphics(Pointer domain, int index, int descriptor, int flags);

  int virDomainAgentSetResponseTimeout(Pointer domain, int seconds, int flags);

  int virDomainInterfaceAddresses(
      Pointer domain, PointerByReference interfaces, int source, int flags);

  void virDomainInterfaceFree(Pointer face);

  @Nullable Pointer virStoragePoolLookupByName(Pointer connection, String name);

  int virStoragePoolFree(Pointer pool);

  int virStoragePoolCreate(Pointer pool, int flags);

  int virStoragePoolRefresh(Pointer pool, int flags);

  int virStoragePoolGetInfo(Pointer pool, Pointer info);

  int virStoragePoolListAllVolumes(Pointer pool, PointerByReference volumes, int flags);

  @Nullable Pointer virStorageVolLookupByName(Pointer pool, String name);

  @Nullable Pointer virStorageVolCreateXML(Pointer pool, String xml, int flags);

  @Nullable Pointer virStorageVolCreateXMLFrom(Pointer pool, String xml, Pointer source, int flags);

  int virStorageVolFree(Pointer volume);

  /** Owned by the volume: not to be freed. */
  @Nullable Pointer virStorageVolGetName(Pointer volume);

  @Nullable Pointer virStorageVolGetPath(Pointer volume);

  @Nullable Pointer virStorageVolGetXMLDesc(Pointer volume, int flags);

  int virStorageVolGetInfo(Pointer volume, Pointer info);

  int virStorageVolResize(Pointer volume, long capacity, int flags);

  int virStorageVolDelete(Pointer volume, int flags);

  int virStorageVolDownload(Pointer volume, Pointer stream, long offset, long length, int flags);

  int virStorageVolUpload(Pointer volume, Pointer stream, long offset, long length, int flags);

  @Nullable Pointer virStreamNew(Pointer connection, int flags);

  int virStreamFree(Pointer stream);

  int virStreamSend(Pointer stream, ByteBuffer data, long length);

  int virStreamRecv(Pointer stream, ByteBuffer data, long length);

  int virStreamFinish(Pointer stream);

  int virStreamAbort(Pointer stream);

  int virStreamEventAddCallback(
      Pointer stream,
      int events,
      StreamFunction callback,
      @Nullable Pointer opaque,
      @Nullable Pointer free);

  int virStreamEventUpdateCallback(Pointer stream, int events);

  int virStreamEventRemoveCallback(Pointer stream);
}
