"""What people see and are asked in a terminal: progress, questions, forms, file trees, refused outputs."""
