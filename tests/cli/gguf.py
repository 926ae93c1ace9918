"""Reads a GGUF file into parts that a test can change, and writes it again."""
import struct

UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY, UINT64 = 4, 5, 6, 7, 8, 9, 10
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, UINT32: 4, INT32: 4, FLOAT32: 4, BOOL: 1, UINT64: 8, 11: 8, 12: 8}


def string(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(raw)) + raw


def u32(value):
    return struct.pack("<I", value)


class Gguf:
    """version, keys (name -> [type, value bytes]), tensors ([name, dimensions, type, offset]) and data."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.raw = f.read()
        self.at = 4
        self.magic = self.raw[:4]
        (self.version,) = self._take("<I")
        n_tensors, n_keys = self._take("<QQ")
        self.keys = {}
        for _ in range(n_keys):
            name = self._string().decode()
            (kind,) = self._take("<I")
            start = self.at
            self._skip(kind)
            self.keys[name] = [kind, self.raw[start : self.at]]
        self.tensors = []
        for _ in range(n_tensors):
            name = self._string().decode()
            (n,) = self._take("<I")
            dims = list(self._take(f"<{n}Q"))
            self.tensors.append([name, dims, *self._take("<IQ")])
        self.data = self.raw[(self.at + 31) // 32 * 32 :]
        self.n_keys = self.n_tensors = None  # what the header claims, when it is to lie

    def _take(self, form):
        values = struct.unpack_from(form, self.raw, self.at)
        self.at += struct.calcsize(form)
        return values

    def _string(self):
        (n,) = self._take("<Q")
        self.at += n
        return self.raw[self.at - n : self.at]

    def _skip(self, kind):
        if kind == STRING:
            self._string()
        elif kind == ARRAY:
            inner, n = self._take("<IQ")
            for _ in range(n) if inner in (STRING, ARRAY) else ():
                self._skip(inner)
            if inner not in (STRING, ARRAY):
                self.at += SIZES[inner] * n
        else:
            self.at += SIZES[kind]

    def tensor(self, name):
        return next(t for t in self.tensors if t[0] == name)

    def drop_tensor(self, name):
        self.tensors = [t for t in self.tensors if t[0] != name]

    def bytes(self):
        out = [self.magic, struct.pack("<I", self.version)]
        n_tensors = len(self.tensors) if self.n_tensors is None else self.n_tensors
        n_keys = len(self.keys) if self.n_keys is None else self.n_keys
        out.append(struct.pack("<QQ", n_tensors, n_keys))
        for name, (kind, value) in self.keys.items():
            out += [string(name), u32(kind), value]
        for name, dims, kind, offset in self.tensors:
            out += [string(name), u32(len(dims)), struct.pack(f"<{len(dims)}Q", *dims)]
            out.append(struct.pack("<IQ", kind, offset))
        head = b"".join(out)
        return head + bytes(-len(head) % 32) + self.data

    def q8_0(self, name, index):
        """One value of a Q8_0 tensor; index as (matrix, row, column)."""
        _, dims, kind, offset = self.tensor(name)
        assert kind == 8
        matrix, row, column = index
        at = (matrix * dims[1] + row) * dims[0] + column
        block = offset + at // 32 * 34
        (scale,) = struct.unpack_from("<e", self.data, block)
        return scale * struct.unpack_from("<b", self.data, block + 2 + at % 32)[0]
