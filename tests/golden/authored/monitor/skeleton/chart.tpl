{{ not.ours }} ${VAR}
