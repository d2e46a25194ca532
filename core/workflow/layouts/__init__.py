"""Where the files of a project go: the language the task asks for, the name of the project, the paths and commands."""
