"""What keeps `fpso up` from starting, said in one sentence that says what to do."""


class CannotStartError(Exception):
    pass
