package io.millwright.store.embedded;

import java.nio.file.Path;

/** The text of PostgreSQL's configuration files; both are written anew by every start. */
final class Settings {
  private Settings() {}

  /**
   * The server's settings. The port is not among them: it is an argument, so that a changed text
   * means that a running server must be restarted to have it.
   */
  static String server(Path accessFile, String clusterName) {
    return """
    # Written by Millwright at every start. Settings of your own go into local.conf beside this
    # file; PostgreSQL reads it last.

    # Only this machine, only with a password.
    listen_addresses = '127.0.0.1'
    unix_socket_directories = ''
    hba_file = '%s'
    password_encryption = 'scram-sha-256'
    cluster_name = '%s'

    # Nothing that was committed is ever lost: these are the defaults, and they stay.
    fsync = on
    full_page_writes = on
    synchronous_commit = on

    # A small neighbour of one Java process, whose connection pools are far below this number.
    max_connections = 100
    shared_buffers = 64MB
    work_mem = 4MB
    maintenance_work_mem = 32MB
    huge_pages = off
    # The data are in memory, or on a disk that does not seek.
    random_page_cost = 1.1
    # Our statements are short: compiling them, or spreading one over processes, costs more than it
    # gains, and parallel queries need more /dev/shm than a container has.
    jit = off
    max_parallel_workers_per_gather = 0
    max_parallel_maintenance_workers = 0
    max_worker_processes = 2
    autovacuum_max_workers = 2
    # A database that fills for the first time must not be planned for as if it were empty for long.
    autovacuum_naptime = 15s
    io_method = sync

    # Nothing replicates from or to this server, so the log of changes holds only what a crash needs, and
    # recovery after one takes seconds.
    wal_level = minimal
    max_wal_senders = 0
    max_logical_replication_workers = 0
    min_wal_size = 32MB
    max_wal_size = 256MB

    # A query of a Millwright that was killed ends soon, and its locks with it.
    client_connection_check_interval = 5s

    # What is refused (a taken address, say) is our caller's to hear, and ordinary; the log, which
    # grows while the server runs, keeps to the server's own life, and never holds a statement.
    log_min_messages = log
    log_checkpoints = off
    log_line_prefix = '%%m [%%p] '
    log_timezone = 'UTC'
    timezone = 'UTC'
    lc_messages = 'C'

    include_if_exists = 'local.conf'
    """
        .formatted(quoted(accessFile.toString()), quoted(clusterName));
  }

  /**
   * Who may connect: our role only, so that the superuser cannot be reached over the network at
   * all.
   */
  static String access(String role) {
    return """
    # Written by Millwright at every start.
    host all %s 127.0.0.1/32 scram-sha-256
    """
        .formatted(role);
  }

  private static String quoted(String value) {
    return value.replace("\\", "\\\\").replace("'", "''");
  }
}
