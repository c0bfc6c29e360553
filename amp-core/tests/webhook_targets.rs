//! Which URLs and addresses are called: the reading of a URL, the registries, redirects (webhooks).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use amp_core::webhook::{AddressClass, Target, TargetError, TargetPolicy, VettedTarget, classify};
use proptest::prelude::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn public() -> [IpAddr; 1] {
    [ip("93.184.216.34")]
}

fn refusal(url: &str) -> TargetError {
    Target::parse(url).expect_err(url)
}

// rule: TARGET-1
#[test]
fn only_https_is_called() {
    for url in [
        "http://hooks.example.com/x",
        "ftp://hooks.example.com/x",
        "wss://hooks.example.com/x",
        "file:///etc/passwd",
        "gopher://hooks.example.com/x",
        "https:hooks.example.com/x",
        "https:/hooks.example.com/x",
        "//hooks.example.com/x",
        "hooks.example.com/x",
        "/x",
        "javascript:alert(1)",
        "data:text/plain,x",
        "x://hooks.example.com",
    ] {
        assert_eq!(refusal(url), TargetError::Scheme, "{url}");
    }
    assert!(Target::parse("HTTPS://hooks.example.com/x").unwrap().is_https());
}

// rule: TARGET-2
#[test]
fn names_and_passwords_and_fragments_are_refused() {
    for url in [
        "https://u:p@hooks.example.com/",
        "https://u@hooks.example.com/",
        "https://@hooks.example.com/",
        "https://:@hooks.example.com/",
        "https://hooks.example.com@10.0.0.1/",
        "https://10.0.0.1%40hooks.example.com@127.0.0.1/",
    ] {
        assert_eq!(refusal(url), TargetError::UserInfo, "{url}");
    }
    assert_eq!(refusal("https://hooks.example.com/#@127.0.0.1/"), TargetError::Fragment);
    assert!(Target::parse("https://hooks.example.com/@name?mail=a@b.example").is_ok());
}

// rule: TARGET-3
#[test]
fn names_that_are_not_of_the_internet_are_refused() {
    for url in [
        "https://localhost/",
        "https://LOCALHOST/",
        "https://a.localhost/",
        "https://printer.local/",
        "https://metadata.google.internal/",
        "https://x.localdomain/",
        "https://router.home.arpa/",
        "https://files.corp/",
        "https://nas.lan/",
        "https://x.intranet/",
        "https://hidden.onion/",
        "https://intranet/",
        "https://hooks/",
    ] {
        assert_eq!(refusal(url), TargetError::LocalName, "{url}");
    }
    for url in [
        "https://local.example.com/",
        "https://mylocalhost.example/",
        "https://hooks.notlocal/",
        "https://hooks.atlan/",
        "https://notinternal.example/",
    ] {
        assert!(Target::parse(url).is_ok(), "{url}");
    }
}

// rule: TARGET-4
#[test]
fn a_host_has_one_spelling() {
    for url in [
        "https://hooks.example.com./",
        "https://localhost./",
        "https://127.0.0.1./",
        "https://hooks..example.com/",
        "https://.example.com/",
        "https://-hooks.example.com/",
        "https://hooks-.example.com/",
        "https://hooks.exam_ple.com/",
        "https://hooks.ex%61mple.com/",
        "https://%6c%6f%63%61%6c%68%6f%73%74/",
        "https://127.0.0.1%2e/",
        "https://hooks.example.com%00.evil.example/",
        "https:///hooks.example.com/",
        "https:///",
        "https://",
        "https://?x",
        "https://hooks.example.com,evil.example/",
        "https://hooks.example.com;evil.example/",
        "https://hooks.example.com&evil.example/",
        "https://*.example.com/",
        "https://[::1/",
        "https://::1/",
        "https://[::1]x/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[v1.fe80::a]/",
        "https://[]/",
        "https://[127.0.0.1]/",
        "https://[::ffff:127.0.0.01]/",
    ] {
        let error = refusal(url);
        assert!(matches!(error, TargetError::Host | TargetError::Port), "{url}: {error:?}");
    }
    let label = "a".repeat(64);
    assert_eq!(refusal(&format!("https://{label}.example/")), TargetError::Host);
    let long = format!("https://{}example/", "a.".repeat(124));
    assert_eq!(refusal(&long), TargetError::Host);
}

// rule: TARGET-4
#[test]
fn characters_that_readers_treat_differently_are_refused() {
    for url in [
        "https://hooks.example.com\\@127.0.0.1/",
        "https:\\\\hooks.example.com/",
        "https://127.0.0.1\\.hooks.example.com/",
        " https://hooks.example.com/",
        "https://hooks.example.com/ ",
        "https://hooks.example.com/a b",
        "ht\ttps://hooks.example.com/",
        "https://127.0.\t0.1/",
        "https://127.0.0.1\n.example.com/",
        "https://hooks.example.com/\r\nHost: evil.example",
        "https://hooks.example.com/\u{0}",
        "https://hooks.example.com/\u{7f}",
        "https://hooks\u{ff0e}example\u{ff0e}com/",
        "https://127\u{3002}0\u{3002}0\u{3002}1/",
        "https://\u{ff11}27.0.0.1/",
        "https://\u{2460}27.0.0.1/",
        "https://loc\u{ad}alhost/",
        "https://l\u{1d5e8}calhost/",
        "https://b\u{fc}cher.example/",
        "https://hooks.example.com/caf\u{e9}",
        "https://hooks.example.com/\"x\"",
        "https://hooks.example.com/<x>",
    ] {
        assert_eq!(refusal(url), TargetError::Character, "{url:?}");
    }
    assert_eq!(refusal(""), TargetError::Length);
    let longest = format!("https://hooks.example.com/{}", "a".repeat(Target::MAX_BYTES - 26));
    assert!(Target::parse(&longest).is_ok());
    assert_eq!(refusal(&(longest + "a")), TargetError::Length);
}

// rule: TARGET-5
#[test]
fn an_address_is_written_in_its_usual_form_or_not_at_all() {
    for host in [
        "2130706433",
        "0x7f000001",
        "0X7F000001",
        "017700000001",
        "127.1",
        "127.0.1",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "127.0.0.0x1",
        "127.0.0.01",
        "00000127.0.0.1",
        "127.0.0.256",
        "127.0.0.1.1",
        "0",
        "0x",
        "4294967295",
        "4294967296",
        // Public ones too: 93.184.216.34.
        "1572395042",
        "0x5db8d822",
        "0135.0270.0330.042",
        "93.12113954",
        "93.184.55330",
        "093.184.216.34",
        "example.0x7f",
        "example.1",
    ] {
        assert_eq!(refusal(&format!("https://{host}/")), TargetError::Host, "{host}");
    }
    let target = Target::parse("https://93.184.216.34/x").unwrap();
    assert_eq!(target.address(), Some(ip("93.184.216.34")));
    let target = Target::parse("https://[2606:2800:220:1:248:1893:25C8:1946]/x").unwrap();
    assert_eq!(target.host(), "2606:2800:220:1:248:1893:25c8:1946");
    assert_eq!(target.as_str(), "https://[2606:2800:220:1:248:1893:25c8:1946]/x");
}

// rule: TARGET-6
#[test]
fn only_listed_ports_are_called() {
    for url in [
        "https://hooks.example.com:22/",
        "https://hooks.example.com:80/",
        "https://hooks.example.com:6379/",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:0443/",
        "https://hooks.example.com:+443/",
        "https://hooks.example.com:/",
        "https://hooks.example.com:443443/",
        "https://hooks.example.com:65979/",
        "https://hooks.example.com:443:443/",
        "https://hooks.example.com:44%33/",
        "https://93.184.216.34:8080/",
    ] {
        assert_eq!(refusal(url), TargetError::Port, "{url}");
    }
    assert_eq!(Target::parse("https://hooks.example.com/").unwrap().port(), 443);
    assert_eq!(
        Target::parse("https://hooks.example.com:443/").unwrap().as_str(),
        "https://hooks.example.com/"
    );
    assert_eq!(Target::parse("https://hooks.example.com:8443/").unwrap().port(), 8443);
    let policy = TargetPolicy::new().with_port(9443);
    assert!(Target::parse_with("https://hooks.example.com:9443/", &policy).is_ok());
}

// rule: TARGET-7
#[test]
fn every_address_of_an_answer_counts() {
    let target = Target::parse("https://hooks.example.com/").unwrap();
    assert_eq!(target.admit(&[]), Err(TargetError::NoAddress));
    let bad = ip("169.254.169.254");
    for answer in [vec![bad], vec![public()[0], bad], vec![bad, public()[0]], vec![public()[0], ip("::1")]] {
        let error = target.admit(&answer).unwrap_err();
        assert!(error.address().is_some() && !error.to_string().contains("169"), "{error}");
    }
    let answer = [public()[0], ip("2606:2800:220:1::1"), public()[0]];
    let vetted = target.admit(&answer).unwrap();
    assert_eq!(vetted.addresses(), &answer[..2]);
    let many: Vec<IpAddr> = (0..1000_u32).map(|n| Ipv4Addr::from_bits(0x5d00_0000 + n).into()).collect();
    assert_eq!(target.admit(&many).unwrap().addresses().len(), VettedTarget::ADDRESSES_MAX);
    let hidden: Vec<IpAddr> = many.into_iter().chain([bad]).collect();
    assert_eq!(target.admit(&hidden).unwrap_err().address(), Some(bad));
}

// rule: TARGET-7
#[test]
fn a_url_that_names_an_address_is_called_at_that_one() {
    for url in
        ["https://127.0.0.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://[64:ff9b::a00:1]/"]
    {
        assert!(refusal(url).address().is_some(), "{url}");
    }
    let target = Target::parse("https://93.184.216.34/").unwrap();
    assert!(target.admit(&public()).is_ok());
    assert!(target.admit(&[ip("93.184.216.35")]).is_err());
}

// rule: TARGET-9
#[test]
fn a_private_network_is_opened_by_name_alone() {
    let policy = TargetPolicy::new().with_private_host("Hooks.corp.internal").with_private_host("hooks");
    for (url, answer) in [
        ("https://hooks.corp.internal/x", "10.1.2.3"),
        ("https://hooks.CORP.internal/x", "fd12::1"),
        ("https://hooks/x", "100.64.0.1"),
        ("https://hooks/x", "93.184.216.34"),
    ] {
        let target = Target::parse_with(url, &policy).unwrap();
        assert!(target.admit(&[ip(answer)]).is_ok(), "{url} at {answer}");
    }
    let target = Target::parse_with("https://hooks.corp.internal/x", &policy).unwrap();
    for answer in
        ["127.0.0.1", "::1", "169.254.169.254", "169.254.1.1", "fd00:ec2::254", "224.0.0.1", "0.0.0.0"]
    {
        assert!(target.admit(&[ip(answer)]).is_err(), "{answer}");
    }
    for url in
        ["https://other.corp.internal/x", "https://x.hooks.corp.internal/", "http://hooks.corp.internal/x"]
    {
        assert!(Target::parse_with(url, &policy).is_err(), "{url}");
    }
    let public = Target::parse_with("https://hooks.example.com/", &policy).unwrap();
    assert!(public.admit(&[ip("10.1.2.3")]).is_err());
    assert_eq!(public.follow("https://hooks.corp.internal/x"), Err(TargetError::LocalName));
    let localhost = TargetPolicy::new().with_private_host("localhost").with_private_host("10.0.0.1");
    assert!(Target::parse_with("https://localhost/", &localhost).is_err());
    assert!(Target::parse_with("https://10.0.0.1/", &localhost).is_err());
}

// rule: TARGET-9
#[test]
fn development_opens_this_machine_alone() {
    let policy = TargetPolicy::loopback_development();
    for (url, answer) in [
        ("http://localhost:8080/x", "127.0.0.1"),
        ("http://127.0.0.1:23000/x", "127.0.0.1"),
        ("http://[::1]/x", "::1"),
        ("https://localhost:9/x", "::1"),
        ("https://hooks.example.com/x", "93.184.216.34"),
    ] {
        let target = Target::parse_with(url, &policy).unwrap();
        assert!(target.admit(&[ip(answer)]).is_ok(), "{url}");
    }
    let localhost = Target::parse_with("http://localhost/x", &policy).unwrap();
    assert!(localhost.admit(&public()).is_err(), "localhost is this machine");
    for url in [
        "http://hooks.example.com/",
        "http://10.0.0.1/",
        "http://x.localhost/",
        "https://hooks.example.com:9/",
    ] {
        assert!(Target::parse_with(url, &policy).is_err(), "{url}");
    }
    let public = Target::parse_with("https://hooks.example.com/x", &policy).unwrap();
    assert!(public.follow("https://localhost/x").is_err());
}

/// A resolver that says one thing when asked first and another when asked again.
struct Rebinding {
    /// The last one first.
    answers: Vec<Vec<IpAddr>>,
}

impl Rebinding {
    fn resolve(&mut self, _host: &str) -> Vec<IpAddr> {
        self.answers.pop().unwrap_or_default()
    }
}

// rule: TARGET-7
#[test]
fn a53_an_answer_that_changes_after_vetting_moves_no_connection() {
    let inside = ip("10.0.0.1");
    let mut resolver = Rebinding { answers: vec![vec![], vec![inside], public().to_vec()] };
    let target = Target::parse("https://rebind.example.com/").unwrap();
    let vetted = target.admit(&resolver.resolve(target.host())).unwrap();
    // What is connected to comes from the vetted answer; nothing resolves the name a second time.
    let connected: Vec<SocketAddr> = vetted.socket_addresses().collect();
    assert_eq!(connected, [SocketAddr::new(public()[0], 443)]);
    // The next attempt asks, and vets, anew.
    assert_eq!(target.admit(&resolver.resolve(target.host())).unwrap_err().address(), Some(inside));
    assert_eq!(target.admit(&resolver.resolve(target.host())), Err(TargetError::NoAddress));
}

// rule: TARGET-4, TARGET-5
#[test]
fn a53_no_spelling_of_an_inside_address_is_called() {
    let spellings = [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "[::1]",
        "[::]",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "168.63.129.16",
        "100.100.100.200",
        "[fe80::1]",
        "[fec0::1]",
        "10.0.0.1",
        "192.168.1.1",
        "172.31.255.255",
        "100.64.0.1",
        "localhost",
        "metadata.google.internal",
        "127\u{3002}0.0.1",
        "127.0.0.1.",
        "localhost.",
        "%31%32%37.0.0.1",
        "0x7f000001",
        "0xa9fea9fe",
        "2852039166",
        "[fe80::1%25lo]",
    ];
    for host in spellings {
        for url in [format!("https://{host}/"), format!("https://{host}:8443/latest/meta-data/")] {
            assert!(Target::parse(&url).is_err(), "{url}");
        }
    }
}

// rule: TARGET-8
#[test]
fn a53_a_redirect_is_vetted_like_the_first_url() {
    let target = Target::parse("https://hooks.example.com/a/b?c=d").unwrap();
    for location in [
        "https://127.0.0.1/",
        "https://2130706433/",
        "//localhost/",
        "//10.0.0.1/x",
        "https://u:p@hooks.example.com/",
        "https://hooks.example.com:22/",
        "/\\127.0.0.1/",
        "\\\\127.0.0.1",
        "file:///etc/passwd",
        "javascript:1",
        "",
        "https:/127.0.0.1/",
        "https:127.0.0.1/",
        "///127.0.0.1/",
        "/x\r\ny",
        "ftp://hooks.example.com/",
        "/#x",
    ] {
        assert!(target.follow(location).is_err(), "{location:?}");
    }
    for (location, url) in [
        ("https://other.example.org/x", "https://other.example.org/x"),
        ("/x?y=z", "https://hooks.example.com/x?y=z"),
        ("x", "https://hooks.example.com/a/x"),
        ("?e=f", "https://hooks.example.com/a/b?e=f"),
        ("//other.example.org", "https://other.example.org/"),
        ("/a:b", "https://hooks.example.com/a:b"),
        ("../../../x", "https://hooks.example.com/x"),
    ] {
        assert_eq!(target.follow(location).unwrap().as_str(), url, "{location}");
    }
    let second = target.follow("/1").unwrap().follow("/2").unwrap();
    assert_eq!(second.follow("/3"), Err(TargetError::TooManyRedirects));
    assert!(second.admit(&[ip("10.0.0.1")]).is_err(), "resolved and vetted again");
}

// rule: TARGET-8
#[test]
fn a53_a_redirect_never_leaves_https() {
    let policy = TargetPolicy::loopback_development();
    let target = Target::parse("https://hooks.example.com/").unwrap();
    assert!(target.follow("http://hooks.example.com/").is_err());
    let local = Target::parse_with("https://localhost:8443/", &policy).unwrap();
    assert_eq!(local.follow("http://localhost:8080/"), Err(TargetError::Downgrade));
    assert!(
        Target::parse_with("http://localhost:8080/", &policy).unwrap().follow("https://localhost/").is_ok()
    );
}

// rule: TARGET-8
#[test]
fn a54_credentials_follow_no_redirect() {
    let target = Target::parse("https://hooks.example.com/").unwrap();
    assert!(target.carries_credentials());
    for location in ["https://other.example.org/", "/elsewhere", "https://hooks.example.com:8443/"] {
        let next = target.follow(location).unwrap();
        assert!(!next.carries_credentials(), "{location}");
        assert!(
            !next.follow("https://hooks.example.com/").unwrap().carries_credentials(),
            "{location} and back"
        );
    }
}

// rule: TARGET-5, TARGET-7
#[test]
fn h08_private_addresses_are_known_by_what_they_are_and_not_by_name() {
    let target = Target::parse("https://hooks.example.com/").unwrap();
    for answer in [
        "10.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:a00:1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "fd00::1",
        "fe80::1",
    ] {
        assert!(target.admit(&[ip(answer)]).is_err(), "{answer}");
    }
    for url in ["https://167772161/", "https://0xa000001/", "https://10.1/", "https://[::ffff:10.0.0.1]/"] {
        assert!(Target::parse(url).is_err(), "{url}");
    }
}

/// The registries once more, as they are printed: a block and whether it is globally reachable. The longest prefix
/// decides. iana-ipv4-special-registry and iana-ipv6-special-registry.
const REGISTRY_V4: &[(&str, bool)] = &[
    ("0.0.0.0/0", true),
    ("0.0.0.0/8", false),
    ("0.0.0.0/32", false),
    ("10.0.0.0/8", false),
    ("100.64.0.0/10", false),
    ("127.0.0.0/8", false),
    ("169.254.0.0/16", false),
    ("172.16.0.0/12", false),
    ("192.0.0.0/24", false),
    ("192.0.0.0/29", false),
    ("192.0.0.8/32", false),
    ("192.0.0.9/32", true),
    ("192.0.0.10/32", true),
    ("192.0.0.170/32", false),
    ("192.0.0.171/32", false),
    ("192.0.2.0/24", false),
    ("192.31.196.0/24", true),
    ("192.52.193.0/24", true),
    ("192.88.99.0/24", false),
    ("192.168.0.0/16", false),
    ("192.175.48.0/24", true),
    ("198.18.0.0/15", false),
    ("198.51.100.0/24", false),
    ("203.0.113.0/24", false),
    ("224.0.0.0/4", false),
    ("240.0.0.0/4", false),
    ("255.255.255.255/32", false),
];

const REGISTRY_V6: &[(&str, bool)] = &[
    ("::/0", false),
    ("2000::/3", true),
    ("::1/128", false),
    ("::/128", false),
    ("64:ff9b:1::/48", false),
    ("100::/64", false),
    ("100:0:0:1::/64", false),
    ("2001::/23", false),
    ("2001:1::1/128", true),
    ("2001:1::2/128", true),
    ("2001:1::3/128", true),
    ("2001:2::/48", false),
    ("2001:3::/32", true),
    ("2001:4:112::/48", true),
    ("2001:10::/28", false),
    ("2001:20::/28", true),
    ("2001:30::/28", true),
    ("2001:db8::/32", false),
    ("2620:4f:8000::/48", true),
    ("3fff::/20", false),
    ("5f00::/16", false),
    ("fc00::/7", false),
    ("fe80::/10", false),
];

/// The first address of each block, its length, and what is said of it.
fn registry(rows: &[(&str, bool)]) -> Vec<(u128, u32, bool)> {
    let row = |&(block, reachable): &(&str, bool)| {
        let (first, bits) = block.split_once('/').unwrap();
        (bits_of(ip(first)), bits.parse().unwrap(), reachable)
    };
    let mut rows: Vec<_> = rows.iter().map(row).collect();
    rows.sort_by_key(|(_, bits, _)| core::cmp::Reverse(*bits));
    rows
}

/// The bits of an address, those of IPv4 at the top.
fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn reachable(registry: &[(u128, u32, bool)], address: IpAddr) -> bool {
    let bits = bits_of(address);
    let holds = |first: u128, length: u32| length == 0 || (bits ^ first) >> (128 - length) == 0;
    registry.iter().find(|(first, length, _)| holds(*first, *length)).unwrap().2
}

/// Where we are stricter than the registry: nearest-server addresses, and clouds' own.
fn is_deliberate(class: AddressClass) -> bool {
    matches!(class, AddressClass::Anycast | AddressClass::Metadata)
}

fn check_v4(registry: &[(u128, u32, bool)], address: Ipv4Addr) {
    let class = classify(address.into());
    let global = class == AddressClass::Global;
    assert_eq!(global, reachable(registry, address.into()) && !is_deliberate(class), "{address} is {class}");
    for (predicate, name) in [
        (address.is_private(), "private"),
        (address.is_loopback(), "loopback"),
        (address.is_link_local(), "link-local"),
        (address.is_broadcast(), "broadcast"),
        (address.is_documentation(), "documentation"),
        (address.is_multicast(), "multicast"),
        (address.is_unspecified(), "unspecified"),
    ] {
        assert_eq!(
            predicate,
            class.as_str() == name || (name == "link-local" && predicate && is_deliberate(class))
        );
    }
}

// rule: TARGET-7
#[test]
fn every_block_of_256_addresses_is_what_the_registry_and_the_standard_library_say() {
    let registry = registry(REGISTRY_V4);
    // Each block's first address; and of the blocks where something begins or ends, every address.
    for block in 0..1_u32 << 16 {
        check_v4(&registry, Ipv4Addr::from_bits(block << 16));
        check_v4(&registry, Ipv4Addr::from_bits((block << 16) | 0xffff));
    }
    for high in [0, 10, 100, 127, 169, 172, 192, 198, 203, 224, 255_u32] {
        for block in 0..1_u32 << 16 {
            check_v4(&registry, Ipv4Addr::from_bits((high << 24) | (block << 8)));
            check_v4(&registry, Ipv4Addr::from_bits((high << 24) | (block << 8) | 0xff));
        }
    }
    for block in
        [[0, 0, 0], [192, 0, 0], [192, 0, 2], [192, 88, 99], [168, 63, 129], [255, 255, 255], [169, 254, 169]]
    {
        for last in 0..=255 {
            check_v4(&registry, Ipv4Addr::new(block[0], block[1], block[2], last));
        }
    }
}

/// Addresses near the beginnings and ends of the registry's blocks.
fn near_v6() -> impl Strategy<Value = Ipv6Addr> {
    let blocks: Vec<(u128, u32)> = registry(REGISTRY_V6).iter().map(|row| (row.0, row.1)).collect();
    let near =
        (prop::sample::select(blocks), any::<u128>(), -3_i128..4).prop_map(|((first, length), low, step)| {
            let inside = if length == 128 { first } else { first | (low >> length) };
            Ipv6Addr::from_bits(inside.wrapping_add_signed(step))
        });
    prop_oneof![3 => near, 1 => any::<u128>().prop_map(Ipv6Addr::from_bits)]
}

fn embeds(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, ..] = address.segments();
    let zeros = |segments: &[u16]| segments.iter().all(|segment| *segment == 0);
    (zeros(&[a, b, c, d])
        && ((e == 0 && matches!(f, 0 | 0xffff)) || (e, f) == (0xffff, 0))
        && address.to_bits() > 1)
        || (a == 0x64 && b == 0xff9b && zeros(&[c, d, e, f]))
        || a == 0x2002
        || (a == 0x2001 && b == 0)
        || (matches!(e, 0 | 0x200) && f == 0x5efe)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    // rule: TARGET-7
    #[test]
    fn addresses_of_ipv6_are_what_the_registry_and_the_standard_library_say(address in near_v6()) {
        prop_assume!(!embeds(address));
        let registry = registry(REGISTRY_V6);
        let class = classify(address.into());
        prop_assert_eq!(
            class == AddressClass::Global,
            reachable(&registry, address.into()) && !is_deliberate(class),
            "{} is {}", address, class
        );
        prop_assert_eq!(address.is_loopback(), class == AddressClass::Loopback);
        prop_assert_eq!(address.is_unspecified(), class == AddressClass::Unspecified);
        prop_assert_eq!(address.is_multicast(), class == AddressClass::Multicast);
        let own = matches!(class, AddressClass::UniqueLocal | AddressClass::Metadata);
        prop_assert_eq!(address.is_unique_local(), own);
        prop_assert_eq!(address.is_unicast_link_local(), class == AddressClass::LinkLocal);
    }

    // rule: TARGET-7
    #[test]
    fn what_embeds_an_inside_address_is_inside(v4 in any::<u32>(), relay in any::<u32>(), rest in any::<u64>()) {
        let inside = classify(Ipv4Addr::from_bits(v4).into());
        let (v4, relay, rest) = (u128::from(v4), u128::from(relay), u128::from(rest));
        let mapped = (0xffff << 32) | v4;
        let nat64 = (0x64_ff9b << 96) | v4;
        let six_to_four = (0x2002 << 112) | (v4 << 80) | (rest & 0xffff_ffff_ffff);
        let teredo_host = (0x2001_0000 << 96) | (relay << 64) | (rest & 0xffff_ffff_0000_0000) | (v4 ^ 0xffff_ffff);
        let teredo_relay = (0x2001_0000 << 96) | (v4 << 64) | rest;
        let isatap = (0x2a00_0001 << 96) | (0x5efe << 32) | v4;
        let isatap_global = (0x2a00_0001 << 96) | (0x0200_5efe << 32) | v4;
        for address in [mapped, nat64, six_to_four, teredo_host, teredo_relay, isatap, isatap_global] {
            let class = classify(Ipv6Addr::from_bits(address).into());
            if inside != AddressClass::Global {
                prop_assert_ne!(class, AddressClass::Global);
            }
        }
        for address in [mapped, nat64, six_to_four] {
            prop_assert_eq!(classify(Ipv6Addr::from_bits(address).into()), inside);
        }
        for withdrawn in [v4, (0xffff_0000 << 32) | v4] {
            prop_assert_ne!(classify(Ipv6Addr::from_bits(withdrawn).into()), AddressClass::Global);
        }
    }
}

/// Texts that look like URLs, of pieces that readers are known to stumble over.
fn url_like() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "https://",
        "http://",
        "https:",
        "/",
        "//",
        "\\",
        "@",
        ":",
        "?",
        "#",
        ".",
        "hooks",
        "example.com",
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[",
        "]",
        "::1",
        "443",
        "8443",
        "0x7f",
        "1",
        "%2e",
        "%",
        "\t",
        " ",
        "u:p",
        "xn--",
        "-",
        "\u{3002}",
        "\u{ff0e}",
        "\u{ad}",
        "A",
        "_",
        "..",
        "93.184.216.34",
    ]);
    (any::<bool>(), prop::collection::vec(piece, 0..8)).prop_map(|(whole, pieces)| {
        if whole { format!("https://{}", pieces.concat()) } else { pieces.concat() }
    })
}

/// The host, as the simplest of readers would find it.
fn plain_host(url: &str) -> String {
    let rest = &url[url.find("://").unwrap() + 3..];
    let authority = &rest[..rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len())];
    let authority = authority.rsplit('@').next().unwrap();
    match authority.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap().to_ascii_lowercase(),
        None => authority.split(':').next().unwrap().to_ascii_lowercase(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    // rule: TARGET-4
    #[test]
    fn a_url_that_is_called_is_read_alike_by_everybody(text in url_like()) {
        let Ok(target) = Target::parse(&text) else { return Ok(()) };
        prop_assert_eq!(plain_host(&text), target.host());
        let browser = url::Url::parse(&text).unwrap();
        prop_assert_eq!(browser.host_str().unwrap().trim_matches(['[', ']']), target.host());
        prop_assert_eq!(browser.as_str(), target.as_str());
        prop_assert_eq!(&Target::parse(target.as_str()).unwrap(), &target);
        prop_assert!(target.is_https() && [443, 8443].contains(&target.port()));
    }

    // rule: TARGET-8
    #[test]
    fn a_redirect_leads_only_where_a_url_could(location in url_like()) {
        let target = Target::parse("https://hooks.example.com/a/b").unwrap();
        if let Ok(next) = target.follow(&location) {
            prop_assert!(Target::parse(next.as_str()).is_ok(), "{}", next.as_str());
            prop_assert!(!next.carries_credentials());
        }
    }
}
