#!/bin/sh
# Process 1 of the container: runs supervisord, and drains all workers before supervisord ends.
set -u

/opt/autoscaler/bin/supervisord --nodaemon --configuration /etc/supervisor/supervisord.conf &
supervisord=$!

# supervisord would stop its programs one after another and kill slow ones.
stop() {
    autoscaler drain --all --within "${DRAIN_WITHIN:-5m}" --config /etc/autoscaler/autoscaler.yaml
    kill -TERM "$supervisord"
}
trap stop TERM INT

# A signal ends `wait` early, after the trap has run.
while kill -0 "$supervisord" 2>/dev/null; do
    wait "$supervisord"
    code=$?
done
exit "$code"
