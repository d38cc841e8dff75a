"""Who makes the files of a job: this process, processes of this machine, or a Ray cluster."""
