"""Every probe, in the order in which people read them."""

from __future__ import annotations

from tpi_site.services.doctor import around, database, disk, jobs, keys, network, storing, upstreams
from tpi_site.services.doctor.findings import Probe

PROBES = (
    Probe("settings", "Settings", around.settings_of_the_installation, 60.0),
    Probe("disk", "Free space", disk.free_space),
    Probe("durability", "Durable writes", disk.durability),
    Probe("file-system", "File system", disk.file_system),
    Probe("permissions", "Secret files", disk.permissions),
    Probe("clock", "Clock", database.clock),
    Probe("address", "Public address and TLS", network.public_address),
    Probe("database", "Database", database.settings_of_the_database),
    Probe("writes", "Writes to the database", database.writes),
    Probe("migrations", "Migrations", database.migrations),
    Probe("storage", "Storage", storing.semantics, 30.0),
    Probe("key-ring", "Key ring", keys.ring),
    Probe("sealed", "Sealed texts", keys.sealed),
    Probe("queue", "Queue of jobs", jobs.queue, jobs.WAITS + 5),
    Probe("schedules", "Jobs by the clock", jobs.schedules),
    Probe("cache", "Shared cache", network.the_cache),
    Probe("nodes", "Other nodes", around.other_nodes),
    Probe("directories", "Directories", around.directories, 20.0),
    Probe("upstreams", "Upstreams of mirrors", upstreams.upstreams),
    Probe("audit", "Audit log", around.audit),
    Probe("alarms", "Alarms", around.alarms),
    Probe("drill", "Drills", database.drills),
    Probe("mail", "Mail", network.mail),
)
