//! Files that are not to be handed on: programs and scripts, by what is declared and by how they begin (attachments,
//! checks).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// Subtypes of programs, scripts and packages that install one. A leading `x-` is left out.
const BLOCKED: [&str; 40] = [
    "executable",
    "pie-executable",
    "sharedlib",
    "msdos-program",
    "ms-dos-executable",
    "msdownload",
    "dosexec",
    "vnd.microsoft.portable-executable",
    "mach-o-executable",
    "mach-binary",
    "elf",
    "wasm",
    "sh",
    "shellscript",
    "bash",
    "zsh",
    "ksh",
    "csh",
    "tcsh",
    "perl",
    "python-code",
    "powershell",
    "hta",
    "bat",
    "msdos-batch",
    "ms-shortcut",
    "java-archive",
    "java-applet",
    "java-vm",
    "vnd.android.package-archive",
    "vnd.apple.installer+xml",
    "rpm",
    "redhat-package-manager",
    "deb",
    "debian-package",
    "vnd.debian.binary-package",
    "msi",
    "ms-installer",
    "ms-application",
    "appimage",
];

/// How executable formats and packages begin: ELF; Mach-O in both byte orders and widths, alone and for several
/// machines, as which Java classes begin too; Dalvik; WebAssembly; Windows shortcuts; RPM and Debian packages.
const MAGIC: [&[u8]; 13] = [
    b"\x7fELF",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"\xca\xfe\xba\xbf",
    b"\xbe\xba\xfe\xca",
    b"dex\n03",
    b"\0asm",
    b"L\0\0\0\x01\x14\x02\0",
    b"\xed\xab\xee\xdb",
    b"!<arch>\ndebian",
];

/// How much of a file says whether it is a DOS or Windows program.
const DOS_HEADER: usize = 64;

/// Whether a media type is that of a program or script. Case, parameters and the main type do not matter:
/// `text/x-shellscript` is what `application/x-sh` is.
pub(super) fn is_blocked_type(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let subtype = essence.rsplit('/').next().unwrap_or_default().trim();
    let subtype = match subtype.split_at_checked(2) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("x-") => rest,
        _ => subtype,
    };
    BLOCKED.iter().any(|blocked| blocked.eq_ignore_ascii_case(subtype))
}

/// Whether a file begins as a program or script does, whatever it is declared as.
pub(super) fn is_program(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    // Two letters alone may begin a text.
    let is_binary = || head.iter().take(DOS_HEADER).any(|byte| *byte < b'\t');
    text.starts_with(b"#!")
        || MAGIC.iter().any(|magic| head.starts_with(magic))
        || (head.starts_with(b"MZ") && is_binary())
}
