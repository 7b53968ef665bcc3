"""What runs units: processes of this machine, or a cluster that somebody else keeps."""
