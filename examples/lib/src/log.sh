# Prints one line of a log: log LEVEL TEXT
log() {
    echo "$(date -u +%H:%M:%S) $1: $2"
}
