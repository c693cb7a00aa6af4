#!/bin/sh
# pitstop on its own runtime; the caller's Node settings are not its business.
unset NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS
exec /usr/lib/pitstop-coordinator/node /usr/lib/pitstop-coordinator/pitstop.mjs "$@"
