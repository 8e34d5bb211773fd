"""A reader of NACHA files of its own, by positions alone; it raises on each rule that a bank's validator checks."""

from __future__ import annotations

from dataclasses import dataclass, field


class WrongFileError(Exception):
    pass


@dataclass
class Entry:
    code: str
    routing: str
    account: str
    cents: int
    identification: str
    name: str
    trace: str
    texts: list[str] = field(default_factory=list)


@dataclass
class Nacha:
    header: str
    batch: str
    entries: list[Entry]


def need(condition: bool, what: str) -> None:
    if not condition:
        raise WrongFileError(what)


def read(content: bytes) -> Nacha:
    need(content.endswith(b"\n"), "last line")
    lines = content.decode("ascii").split("\n")[:-1]
    need(all(len(line) == 94 for line in lines), "94 characters")
    need(len(lines) % 10 == 0, "blocks of ten")
    while lines and lines[-1] == "9" * 94:
        lines.pop()
    blocks = -(-len(lines) // 10)
    kinds = "".join(line[0] for line in lines)
    need(kinds[:2] == "15" and kinds[-2:] == "89" and set(kinds[2:-2]) <= {"6", "7"}, "order of records")
    header, head, foot, end = lines[0], lines[1], lines[-2], lines[-1]
    need(header[1:3] == "01" and header[34:40] == "094101", "constants of the file header")
    need(header[3] == " " and good_routing(header[4:13]), "immediate destination")
    need(header[33].isalnum(), "file id modifier")
    found = entries_of(lines[2:-2], ctx=head[50:53] == "CTX")
    need(head[1:4] in {"200", "220"} and head[1:4] == foot[1:4], "service class")
    need(
        head[40:50] == foot[44:54] and head[79:87] == foot[79:87] and head[87:94] == foot[87:94],
        "batch header, control",
    )
    need(head[75:78] == "   " and head[78] == "1", "settlement date, originator status")
    debit = sum(e.cents for e in found if e.code in {"27", "37"})
    credit = sum(e.cents for e in found if e.code in {"22", "32"})
    need(debit in {0, credit}, "balance")
    need((head[1:4] == "200") == (debit > 0), "service class fits its entries")
    count = sum(1 + len(e.texts) for e in found)
    hashed = str(sum(int(e.routing[:8]) for e in found))[-10:].zfill(10)
    need(foot[4:10] == f"{count:06}" and foot[10:20] == hashed, "count or hash of the batch")
    need(foot[20:32] == f"{debit:012}" and foot[32:44] == f"{credit:012}", "sums of the batch")
    need(end[1:7] == "000001" and end[7:13] == f"{blocks:06}", "batches or blocks of the file")
    need(end[13:21] == f"{count:08}" and end[21:31] == hashed, "count or hash of the file")
    need(end[31:43] == f"{debit:012}" and end[43:55] == f"{credit:012}" and not end[55:].strip(), "sums of the file")
    traces = [e.trace for e in found]
    need(traces == sorted(set(traces)) and all(t[:8] == head[79:87] for t in traces), "trace numbers")
    return Nacha(header, head, found)


def entries_of(lines: list[str], *, ctx: bool) -> list[Entry]:
    found: list[Entry] = []
    left = 0
    for line in lines:
        if line[0] == "6":
            need(left == 0, "addenda are missing")
            need(line[1:3] in {"22", "32", "27", "37"} and good_routing(line[3:12]), "code or routing number")
            name = (line[58:74] if ctx else line[54:76]).strip()
            account, cents, identification = line[12:29].strip(), int(line[29:39]), line[39:54].strip()
            need(bool(name and account) and cents > 0, "mandatory fields")
            found.append(Entry(line[1:3], line[3:12], account, cents, identification, name, line[79:94]))
            left = int(line[54:58]) if ctx else int(line[78])
            need((left > 0) == (line[78] == "1"), "addenda indicator")
        else:
            need(line[1:3] == "05" and left > 0, "addenda that no entry announces")
            left -= 1
            found[-1].texts.append(line[3:83])
            need(int(line[83:87]) == len(found[-1].texts) and line[87:94] == found[-1].trace[-7:], "order of addenda")
    need(left == 0, "addenda are missing")
    return found


def good_routing(text: str) -> bool:
    a, b, c, d, e, f, g, h, check = (int(x) for x in text)
    return (10 - (3 * (a + d + g) + 7 * (b + e + h) + (c + f)) % 10) % 10 == check
