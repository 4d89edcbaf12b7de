// What the native parts are made of: sources by target, and the flags by kind. Read by build-native.mjs.

const ADDON = [
  'arguments.cc',
  'chunk_queue.cc',
  'descriptors.cc',
  'endpoint.cc',
  'endpoint_loop.cc',
  'errors.cc',
  'mapping.cc',
  'poll_handle.cc',
  'receive.cc',
  'ring.cc',
  'ring_endpoint.cc',
  'ring_link.cc',
  'ring_memory.cc',
  'ring_records.cc',
  'send_queue.cc',
  'spin.cc',
];

export const targets = [
  {
    output: 'broker.node',
    folder: 'addon',
    sources: [
      ...ADDON,
      'broker.cc',
      'filter_program.cc',
      'lock.cc',
      'memory.cc',
      'monitor.cc',
      'monitor_binding.cc',
      'monitor_reports.cc',
      'monitor_hold.cc',
      'monitor_thread.cc',
      'monitor_traced.cc',
      'open_files.cc',
      'pidfd.cc',
      'pidfd_watcher.cc',
      'probe.cc',
      'read_file.cc',
      'read_memory.cc',
      'reaper.cc',
      'registers.cc',
      'remote_memory.cc',
      'sockets.cc',
      'clone_into.cc',
      'scheduling.cc',
      'spawn.cc',
      'thread_hold.cc',
      'thread_hold_binding.cc',
      'terminal.cc',
      'threads.cc',
    ],
  },
  {
    // Mapped in the attacker's process: nothing of the broker's belongs here.
    output: 'sandboxee.node',
    folder: 'addon',
    sources: [...ADDON, 'endpoint_blocking.cc', 'gate.cc', 'release_inline.cc', 'sandboxee.cc'],
  },
  {
    output: 'launcher',
    folder: 'launcher',
    sources: [
      'main.c',
      'plan.c',
      'report.c',
      'run.c',
      'run_filtered.c',
      'steps_cgroups.c',
      'steps_fds.c',
      'steps_identity.c',
      'steps_landlock.c',
      'steps_mounts.c',
      'steps_namespaces.c',
      'steps_restrictions.c',
      'supervise.c',
      'tree.c',
    ],
  },
  {
    output: 'example-static',
    folder: '../examples/static',
    sources: ['static.c'],
  },
];

const COMMON = ['-Wall', '-Wextra', '-Werror', '-fstack-protector-strong', '-fvisibility=hidden', '-pthread'];
const PLAIN = ['-O2', '-U_FORTIFY_SOURCE', '-D_FORTIFY_SOURCE=2'];
const HARDENED_LINK = ['-Wl,-z,relro,-z,now', '-Wl,--as-needed', '-pthread'];
const SANITIZE = ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'];

const addon = {
  compiler: 'c++',
  compile: [
    '-std=gnu++17',
    '-fPIC',
    '-DNAPI_VERSION=8',
    '-DNODE_ADDON_API_CPP_EXCEPTIONS_ALL',
    // Without it, a worker_thread that is terminated inside one of our callbacks aborts the process.
    '-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
  ],
  // Threads of ours outlive the worker_thread that loaded the addon, and whose end would unload it.
  link: ['-shared', '-Wl,-z,nodelete'],
};

const launcher = {
  compiler: 'cc',
  compile: ['-std=gnu11'],
  // Static: it runs where there may be no libraries, and maps nothing that the environment chose.
  link: ['-static'],
};

/** @param sanitize AddressSanitizer and UndefinedBehaviorSanitizer; see sanitize.mjs */
export function toolchain(target, sanitize) {
  const kind = target.folder === 'addon' ? addon : launcher;
  const instrument = sanitize ? instrumentation(target) : [];
  const optimise = sanitize ? ['-O1', '-g', '-fno-omit-frame-pointer'] : PLAIN;
  return {
    compiler: kind.compiler,
    compile: [...COMMON, ...optimise, ...kind.compile, ...instrument],
    link: [...HARDENED_LINK, ...kind.link, ...instrument],
  };
}

/** AddressSanitizer cannot be static, and its runtime would not get past the launcher's own filter. */
function instrumentation({ folder }) {
  return folder === 'addon' ? SANITIZE : ['-fsanitize=undefined', '-fsanitize-undefined-trap-on-error'];
}
