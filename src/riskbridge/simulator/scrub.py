"""Records without names: members that are known to tell of products, CVEs, times and states stay, all else is replaced.

What a member holds decides: names become names, addresses addresses, ids ids, by the keyed pseudonyms of one recording, so
that records of different streams still fit together. A text of a member that is not known is replaced whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote, urlsplit

from riskbridge.simulator.pseudonyms import GUID, HEX_ID, MAC, Pseudonyms

Record = dict[str, Any]
_KEPT = frozenset(
    """
    mergedintomachineid ispotentialduplication isexcluded exclusionreason firstseen lastseen osplatform osversion
    osprocessor version agentversion osbuild healthstatus devicevalue riskscore exposurelevel isaadjoined defenderavstatus
    onboardingstatus osarchitecture managedby managedbystatus type operationalstatus cloudprovider
    cveid fixingkbid productname productvendor productversion severity
    description cvssv3 cvssvector exposedmachines publishedon updatedon firstdetected patchfirstavailable publicexploit
    exploitverified exploitinkit exploittypes exploituris cvesupportability tags epss
    softwarevendor softwarename softwareversion vulnerabilityseveritylevel recommendedsecurityupdate
    recommendedsecurityupdateid recommendedsecurityupdateurl lastseentimestamp firstseentimestamp endofsupportstatus
    endofsupportdate exploitabilitylevel recommendationreference cvssscore securityupdateavailable cvemitigationstatus
    isonboarded status eventtimestamp cvebatchtitle cvebatchurl
    numberofweaknesses softwarefirstseentimestamp productcodecpe
    """.split()  # noqa: SIM905 - a list of quoted words would be three times as long
) - {"mergedintomachineid"}
_HOSTS = frozenset({"computerdnsname", "devicename"})
_PATHS = frozenset({"diskpaths", "registrypaths", "resourceid"})
_PRODUCTS = ("productName", "productVendor", "softwareName", "softwareVendor", "SoftwareName", "SoftwareVendor")
_NO_GROUP = frozenset({"", "None", "Unassigned", "UnassignedGroup"})
_CVE = re.compile(r"(?:CVE|TVM)-\d{4}-\d+", re.IGNORECASE)
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?")
_NUMBER = re.compile(r"\d+(?:\.\d+)*")
_MEMBER = re.compile(r"[@A-Za-z][\w.@]{0,63}", re.ASCII)
_HOST = re.compile(r"(?=.*[^\W\d_])[\w-]+(?:\.[\w-]+)+")
_PERSONAL = frozenset({"users", "home", "documents and settings", "profiles", "homes"})
"""Folders in which folders bear names of people."""
_WORDS = frozenset(
    """
    program files x86 x64 common windows system32 syswow64 programdata users home usr lib lib64 bin sbin opt var etc local
    share appdata roaming locallow temp tmp application applications microsoft hkey_local_machine hkey_current_user
    hkey_users software wow6432node currentversion uninstall installer products installproperties classes c d exe dll jar
    so sys msi deb rpm library contents macos app subscriptions resourcegroups providers compute virtualmachines
    virtualmachinescalesets projects zones instances aws arn ec2 instance
    """.split()  # noqa: SIM905 - a list of quoted words would be three times as long
)
"""Words of paths that are no names."""
_APART = re.compile(r"([\\/:]+)")
_PIECES = re.compile(r"([^\w]+|_)")


class Scrubber:
    """Scrubs the records of one recording.

    Args:
        key: The key of its pseudonyms.
        hidden: Words to replace wherever they stand, members that are otherwise kept included.
    """

    def __init__(self, key: bytes, hidden: Iterable[str] = ()) -> None:
        self.names = Pseudonyms(key)
        words = sorted({w.strip() for w in hidden if w.strip()}, key=len, reverse=True)
        self._hidden = re.compile("|".join(map(re.escape, words)), re.IGNORECASE) if words else None

    def record(self, record: Any) -> Any:
        """A record of any stream without names; what is no object is scrubbed as a value of an unknown member."""
        if not isinstance(record, dict):
            return self._unknown(record)
        owner = next((str(record[n]) for n in ("machineId", "deviceId", "DeviceId") if record.get(n)), "")
        words = {w for name in _PRODUCTS for w in _PIECES.split(str(record.get(name, "")).lower())}
        return {self._member(name): self._value(name, value, owner, words) for name, value in record.items()}

    def device_id(self, value: str) -> str:
        """The pseudonym of a device's id, whatever its form."""
        return self.names.hex_id(value) if HEX_ID.fullmatch(value) else self._plain(value)

    def host(self, name: str) -> str:
        """A computer's name: as many labels, a letter case like the name's, the same domain for the same domain."""
        first, *domain = name.split(".")
        labels = [self._label("h", first, first)]
        for place, label in enumerate(domain):
            is_last = place == len(domain) - 1
            labels.append("test" if is_last and label else self._label("d", label, ".".join(domain[place:])))
        return ".".join(labels)

    def path(self, text: str, words: set[str] | frozenset[str] = frozenset()) -> str:
        """A path with names replaced: of people in their folders, and every word that is neither known nor of the product."""
        parts = _APART.split(unquote(text))
        made, is_personal = [], text.startswith(("\\\\", "//"))
        for part in parts:
            if not part or _APART.fullmatch(part):
                made.append(part)
                continue
            made.append(self._segment(part, words, is_personal=is_personal))
            is_personal = part.lower() in _PERSONAL
        return "".join(made)

    def error(self, body: Any) -> Any:
        """The body of a refusal: its sentences stay, ids, names and addresses in them do not."""
        if isinstance(body, dict):
            return {self._member(name): self.error(value) for name, value in body.items()}
        if isinstance(body, list):
            return [self.error(value) for value in body]
        return self._sentence(body) if isinstance(body, str) else body

    def file_path(self, address: str) -> str:
        """The path of an export file's address, without its signature; ids of tenant and groups replaced."""
        path = unquote(urlsplit(address).path)
        path = GUID.sub(lambda m: self.names.guid(m[0]), path)
        path = re.sub(r"(?<=RbacGroupId=)\d+", lambda m: str(self.names.number("group", int(m[0]))), path)
        known = re.compile(
            r"tvm-export|[A-Z][A-Za-z]*(?:Export|Inventory)|json|[\d-]+|(?:_?(?:OrgId|RbacGroupId)=[\da-fA-F-]+)+|"
            r"part-\d+-[\da-f-]+\.c\d+\.json\.gz"
        )
        return "/".join(p if not p or known.fullmatch(p) else self._plain(p) for p in path.split("/"))

    def _member(self, name: str) -> str:
        return self._hide(name) if _MEMBER.fullmatch(name) else self._plain(name)

    def _value(self, name: str, value: Any, owner: str, words: set[str]) -> Any:
        key = name.lower()
        if value is None or isinstance(value, bool):
            return value
        if key == "rbacgroupid":
            return self._group_id(value)
        if isinstance(value, list):
            return [self._value(name, v, owner, words) for v in value]
        if isinstance(value, dict):
            return {self._member(n): self._value(n, v, "", words) for n, v in value.items()}
        if not isinstance(value, str) or not value:
            return value
        if key == "id":
            return self._record_id(value, owner)
        if key in _KEPT:
            return self._kept(value)
        special: dict[str, Callable[[str], str]] = {
            "machineid": self.device_id,
            "deviceid": self.device_id,
            "mergedintomachineid": self.device_id,
            "rbacgroupname": lambda v: v if v in _NO_GROUP else f"group-{self.names.word('group', v)}",
            "machinetags": lambda v: f"tag-{self.names.word('tag', v)}",
            "name": lambda v: v if _CVE.fullmatch(v) else self._unknown(v),
        }
        if key in special:
            return special[key](value)
        if key in _HOSTS:
            return self.host(value)
        return self._hide(self.path(value, words)) if key in _PATHS else self._unknown(value)

    def _record_id(self, value: str, owner: str) -> str:
        """A row's id begins with its device's; a CVE's is its name; a device's is its own."""
        if _CVE.fullmatch(value):
            return value
        if owner and value.startswith(owner):
            return self._hide(self.device_id(owner) + value[len(owner) :])
        if HEX_ID.match(value) and len(value) > 40:
            return self._hide(self.device_id(value[:40]) + value[40:])
        return self.device_id(value)

    def _group_id(self, value: Any) -> Any:
        if isinstance(value, int):
            return self.names.number("group", value)
        text = str(value)
        return str(self.names.number("group", int(text))) if text.isascii() and text.isdigit() else self._unknown(value)

    def _kept(self, value: str) -> str:
        value = HEX_ID.sub(lambda m: self.names.hex_id(m[0]), value)
        return self._hide(GUID.sub(lambda m: self.names.guid(m[0]), value))

    def _unknown(self, value: Any) -> Any:
        """A value of no known member: exact shapes become the same shape, any other text one word."""
        if isinstance(value, dict):
            return {self._member(n): self._unknown(v) for n, v in value.items()}
        if isinstance(value, list):
            return [self._unknown(v) for v in value]
        if not isinstance(value, str) or not value or _TIME.fullmatch(value) or _CVE.fullmatch(value):
            return value
        if HEX_ID.fullmatch(value):
            return self.names.hex_id(value)
        if GUID.fullmatch(value):
            return self.names.guid(value)
        if MAC.fullmatch(value):
            return self.names.mac(value)
        address = self.names.address(value)
        if address is not None:
            return address
        if "@" in value:
            user, _, domain = value.partition("@")
            return f"{self._plain(user)}@{self.host(domain) if '.' in domain else self._plain(domain)}"
        return self.host(value) if _HOST.fullmatch(value) else self._plain(value)

    def _sentence(self, text: str) -> str:
        text = GUID.sub(lambda m: self.names.guid(m[0]), HEX_ID.sub(lambda m: self.names.hex_id(m[0]), text))
        words = [self._spoken(w) for w in re.split(r"(\s+)", text)]
        return self._hide("".join(words))

    def _spoken(self, word: str) -> str:
        """A word of a sentence: addresses of people, computers and pages are replaced, other words stay."""
        bare = word.strip(".,;:()'\"[]")
        if not bare or bare.startswith("Machine.") or re.fullmatch(r"(?:[A-Za-z]+\.){2}[A-Za-z]+(?:,.*)?", bare):
            return word
        is_name = "@" in bare or "\\" in bare or "://" in bare or self.names.address(bare) is not None
        return word.replace(bare, str(self._unknown(bare))) if is_name or _HOST.fullmatch(bare) else word

    def _segment(self, part: str, words: set[str] | frozenset[str], *, is_personal: bool) -> str:
        if GUID.search(part) or HEX_ID.search(part):
            return str(self._unknown(part))
        if is_personal:
            return self._plain(part)
        return "".join(self._piece(piece, words) for piece in _PIECES.split(part))

    def _piece(self, piece: str, words: set[str] | frozenset[str]) -> str:
        folded = piece.lower()
        if not piece or not re.search(r"\w", piece) or piece == "_" or folded in _WORDS or folded in words:
            return piece
        # A number alone is a version, or nobody's name.
        return piece if _NUMBER.fullmatch(piece) else self.names.word("path", piece)

    def _plain(self, value: str) -> str:
        return f"x{self.names.word('text', value)}"

    def _label(self, letter: str, label: str, value: str) -> str:
        if not label:
            return label
        made = letter + self.names.word(letter, value) + ("" if label.isascii() else "ü")
        return made.upper() if label.isupper() else made.capitalize() if label != label.lower() else made

    def _hide(self, text: str) -> str:
        if self._hidden is None:
            return text
        plain = unquote(text) if self._hidden.search(unquote(text)) else text
        return self._hidden.sub(lambda m: f"x{self.names.word('hidden', m[0])}", plain)
