#!/bin/sh
# pitstop-agent on its own runtime; the caller's Node settings are not its business.
unset NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS
exec /usr/lib/pitstop-agent/node --max-semi-space-size=1 /usr/lib/pitstop-agent/pitstop-agent.mjs "$@"
