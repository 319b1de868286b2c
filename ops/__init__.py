"""The `muster` command: what people and CI do with an installation of Muster, and the rehearsal of one on this machine."""
