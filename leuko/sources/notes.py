"""What a reader says of the files that it was given: how they were read, and which of a folder were not."""

ORIGIN = "origin.toml"  # says what a folder is, and is read as such


def keep(con, notes):
    """Write the notes, pairs of a file and what is said of it, into the table `load_notes`; gives them as lines."""
    con.execute("CREATE OR REPLACE TABLE load_notes (file TEXT, note TEXT)")
    for file, note in notes:
        con.execute("INSERT INTO load_notes VALUES (?, ?)", [file, note])
    return [f"{file}: {note}" for file, note in notes]


def not_read(folder, read):
    """The note, if there is one, of the files in a folder that are not among those read."""
    beside = [file for file in folder.iterdir() if file.is_file()] if folder.is_dir() else []
    others = sorted(file.name for file in beside if file not in read and file.name != ORIGIN)
    return [(folder.name, f"not read: {', '.join(others)}")] if others else []
