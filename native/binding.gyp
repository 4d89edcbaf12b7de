{
  'variables': {
    # `node-gyp … -- -Dsanitize=1`: AddressSanitizer and UndefinedBehaviorSanitizer; see scripts/sanitize.mjs.
    'sanitize%': 0,
  },
  'target_defaults': {
    'cflags': ['-Wall', '-Wextra', '-Werror', '-fstack-protector-strong', '-fvisibility=hidden'],
    'ldflags': ['-Wl,-z,relro,-z,now', '-Wl,--as-needed'],
    'conditions': [
      ['sanitize==1', {
        'cflags': ['-fno-omit-frame-pointer', '-O1'],
      }, {
        'cflags': ['-U_FORTIFY_SOURCE', '-D_FORTIFY_SOURCE=2'],
      }],
    ],
  },
  'targets': [
    {
      'target_name': 'broker',
      'includes': ['addon/addon.gypi'],
      'sources': [
        'addon/broker.cc',
        'addon/lock.cc',
        'addon/memory.cc',
        'addon/monitor.cc',
        'addon/monitor_binding.cc',
        'addon/monitor_thread.cc',
        'addon/pidfd.cc',
        'addon/pidfd_watcher.cc',
        'addon/probe.cc',
        'addon/reaper.cc',
        'addon/remote_memory.cc',
        'addon/sockets.cc',
        'addon/spawn.cc',
        'addon/threads.cc',
      ],
    },
    {
      # Mapped in the attacker's process: nothing of the broker's belongs here.
      'target_name': 'sandboxee',
      'includes': ['addon/addon.gypi'],
      'sources': [
        'addon/endpoint_blocking.cc',
        'addon/gate.cc',
        'addon/release_inline.cc',
        'addon/sandboxee.cc',
      ],
    },
    {
      # Static: it runs where there may be no libraries, and maps nothing that the environment chose.
      'target_name': 'launcher',
      'type': 'executable',
      'include_dirs': ['include'],
      'cflags_c': ['-std=gnu11'],
      'sources': [
        'launcher/main.c',
        'launcher/plan.c',
        'launcher/report.c',
        'launcher/steps_fds.c',
        'launcher/steps_identity.c',
        'launcher/steps_landlock.c',
        'launcher/steps_mounts.c',
        'launcher/steps_namespaces.c',
        'launcher/steps_restrictions.c',
        'launcher/supervise.c',
      ],
      'ldflags': ['-static'],
      'conditions': [
        # AddressSanitizer cannot be static, and its runtime would not get past the launcher's own filter.
        ['sanitize==1', { 'cflags': ['-fsanitize=undefined', '-fsanitize-undefined-trap-on-error'] }],
      ],
    },
  ],
}
