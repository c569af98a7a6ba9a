"""Our ranking beside that of other libraries, on the same encoder and the same documents."""
