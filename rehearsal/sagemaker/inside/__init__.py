"""What runs inside the job and server processes; standard library only, because it is forked into every image."""
