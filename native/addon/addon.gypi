# What both addons are made of.
{
  'defines': [
    'NAPI_VERSION=8',
    'NODE_ADDON_API_CPP_EXCEPTIONS_ALL',
    # Without it, a worker_thread that is terminated inside one of our callbacks aborts the process.
    'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
  ],
  'include_dirs': ["<!(node -p \"require('node-addon-api').include_dir\")"],
  'cflags!': ['-fno-exceptions'],
  'cflags_cc!': ['-fno-exceptions'],
  # Threads of ours outlive the worker_thread that loaded the addon, and whose end would unload it.
  'ldflags': ['-Wl,-z,nodelete'],
  'conditions': [
    ['sanitize==1', {
      'cflags': ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'],
      'ldflags': ['-fsanitize=address,undefined'],
    }],
  ],
  'sources': [
    'arguments.cc',
    'descriptors.cc',
    'endpoint.cc',
    'endpoint_loop.cc',
    'errors.cc',
    'mapping.cc',
    'poll_handle.cc',
    'receive.cc',
    'send_queue.cc',
  ],
}
