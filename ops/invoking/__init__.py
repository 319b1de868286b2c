"""Functions as `sam build` lays them out, run in Lambda's own runtime interface emulator, against a rehearsal."""
