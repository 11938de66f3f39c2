package io.millwright.server;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The wire from one node to the database. Cut, it is as if the node's process had been killed:
 * nothing that the node still does reaches the database. Frozen, it is as if the process had been
 * stopped: nothing comes through, and nothing is lost.
 */
final class Wire implements AutoCloseable {
  private final ServerSocket door;
  private final String host;
  private final int port;
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition thawed = lock.newCondition();
  private boolean frozen;
  private boolean cut;

  Wire(String host, int port) {
    this.host = host;
    this.port = port;
    try {
      door = new ServerSocket(0, 64, InetAddress.getLoopbackAddress());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Thread.ofVirtual().name("wire").start(this::admit);
  }

  int port() {
    return door.getLocalPort();
  }

  void freeze() {
    lock.lock();
    try {
      frozen = true;
    } finally {
      lock.unlock();
    }
  }

  void thaw() {
    lock.lock();
    try {
      frozen = false;
      thawed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  void cut() {
    lock.lock();
    try {
      cut = true;
      frozen = false;
      thawed.signalAll();
    } finally {
      lock.unlock();
    }
    quietly(door);
    sockets.forEach(Wire::quietly);
  }

  @Override
  public void close() {
    cut();
  }

  private void admit() {
    while (true) {
      try {
        Socket here = door.accept();
        Socket there = new Socket(host, port);
        here.setTcpNoDelay(true);
        there.setTcpNoDelay(true);
        sockets.add(here);
        sockets.add(there);
        Thread.ofVirtual().start(() -> pump(here, there));
        Thread.ofVirtual().start(() -> pump(there, here));
      } catch (IOException e) {
        return; // cut
      }
    }
  }

  private void pump(Socket from, Socket to) {
    byte[] buffer = new byte[16 << 10];
    try (from;
        to) {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      for (int n = in.read(buffer); n >= 0 && passes(); n = in.read(buffer)) {
        out.write(buffer, 0, n);
      }
    } catch (IOException e) {
      // one of the ends is gone, and so is the other one now
    } finally {
      sockets.remove(from);
      sockets.remove(to);
    }
  }

  /** Waits while it is frozen; false once it is cut. */
  private boolean passes() {
    lock.lock();
    try {
      while (frozen && !cut) {
        thawed.awaitUninterruptibly();
      }
      return !cut;
    } finally {
      lock.unlock();
    }
  }

  private static void quietly(AutoCloseable each) {
    try {
      each.close();
    } catch (Exception e) {
      // it is closed, which is what was wanted
    }
  }
}
