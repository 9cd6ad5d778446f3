#!/bin/sh
# Dumps Temporal's databases and then Pegline's, which has to be the younger (docs/operating.md), into a folder of their
# own, every BACKUP_HOURS, or once: `backup.sh once`. Dumps older than BACKUP_DAYS are removed.
set -eu
folder=$BACKUP_FOLDER

dump() { # HOST USER PASSWORD DATABASE
    PGPASSWORD=$3 pg_dump --host "$1" --username "$2" --no-password --format custom --file "$new/$4.dump" "$4"
}

round() {
    done=$folder/$(date -u +%Y-%m-%dT%H%M%SZ)
    new=$done.part
    mkdir -p "$new"
    dump "$TEMPORAL_DB_HOST" temporal "$TEMPORAL_DB_PASSWORD" temporal
    dump "$TEMPORAL_DB_HOST" temporal "$TEMPORAL_DB_PASSWORD" temporal_visibility
    dump "$PEGLINE_DB_HOST" pegline "$PEGLINE_DB_PASSWORD" pegline
    mv "$new" "$done"
    echo "backed up to $done"
    find "$folder" -mindepth 1 -maxdepth 1 -type d -mtime "+${BACKUP_DAYS:-14}" -exec rm -r {} +
}

if [ "${1:-}" = once ]; then
    round
    exit
fi
while :; do
    # In a shell of its own: a database that is away fails this round alone.
    (round) || echo "the back-up failed; it is tried again" >&2
    sleep $((${BACKUP_HOURS:-24} * 3600))
done
