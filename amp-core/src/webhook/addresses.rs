//! Which IP addresses are places on the public internet, by the IANA special-purpose registries (webhooks, targets).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an IP address is for.
///
/// Only [`Global`](Self::Global) addresses are called. The others are those of the IANA registries of special-purpose
/// addresses (RFC 6890 and what was added since), of the multicast and reserved blocks, and a few by which clouds hand
/// out credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AddressClass {
    /// A place on the public internet.
    Global,
    /// `0.0.0.0` and `::`: no address at all, which some systems take for their own.
    Unspecified,
    /// The rest of `0.0.0.0/8`: "this network".
    ThisNetwork,
    /// `127.0.0.0/8` and `::1`.
    Loopback,
    /// `10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16`, and the former site-local `fec0::/10`.
    Private,
    /// `100.64.0.0/10`: shared by a carrier's customers.
    Shared,
    /// `169.254.0.0/16` and `fe80::/10`.
    LinkLocal,
    /// `fc00::/7`.
    UniqueLocal,
    /// An address at which a cloud answers its own machines, with their credentials among other things.
    Metadata,
    /// `224.0.0.0/4` and `ff00::/8`.
    Multicast,
    /// `255.255.255.255`.
    Broadcast,
    /// `192.0.2.0/24`, `198.51.100.0/24`, `203.0.113.0/24`, `2001:db8::/32`, `3fff::/20`.
    Documentation,
    /// `198.18.0.0/15` and `2001:2::/48`.
    Benchmarking,
    /// An address that stands for whichever server of a kind is near, which may be the network's own: PCP, TURN, and
    /// the relays of 6to4 and 6a44.
    Anycast,
    /// Set aside, withdrawn or never assigned: `192.0.0.0/24`, `240.0.0.0/4`, and of IPv6 whatever lies outside of
    /// `2000::/3` or is not for use in packets between networks.
    Reserved,
}

impl AddressClass {
    /// The class's name, for people: `link-local`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Unspecified => "unspecified",
            Self::ThisNetwork => "this network",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::Shared => "shared",
            Self::LinkLocal => "link-local",
            Self::UniqueLocal => "unique-local",
            Self::Metadata => "metadata service",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Documentation => "documentation",
            Self::Benchmarking => "benchmarking",
            Self::Anycast => "anycast service",
            Self::Reserved => "reserved",
        }
    }
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Says what an address is for. An IPv6 address that embeds one of IPv4 is what that one is: mapped, translated
/// (NAT64), 6to4, Teredo (both of its addresses) and ISATAP.
///
/// ```
/// use amp_core::webhook::{AddressClass, classify};
///
/// assert_eq!(classify("93.184.216.34".parse()?), AddressClass::Global);
/// assert_eq!(classify("10.0.0.1".parse()?), AddressClass::Private);
/// assert_eq!(classify("64:ff9b::a00:1".parse()?), AddressClass::Private);
/// assert_eq!(classify("169.254.169.254".parse()?), AddressClass::Metadata);
/// # Ok::<(), core::net::AddrParseError>(())
/// ```
#[must_use]
pub fn classify(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    }
}

use AddressClass::{
    Anycast, Benchmarking, Broadcast, Documentation, Global, LinkLocal, Loopback, Metadata, Multicast,
    Private, Reserved, Shared, ThisNetwork, UniqueLocal, Unspecified,
};

/// The addresses that share this many leading bits with the first, and what they are for.
struct Block<A>(A, u32, AddressClass);

/// iana-ipv4-special-registry, the multicast block, and where clouds answer their own machines. The first block that
/// holds an address decides. What the registry calls globally reachable (AS112, AMT) is left out.
const V4: [Block<Ipv4Addr>; 27] = [
    // Amazon, Google, Azure and most others; Amazon's containers (two); Scaleway; Tencent.
    Block(Ipv4Addr::new(169, 254, 169, 254), 32, Metadata),
    Block(Ipv4Addr::new(169, 254, 170, 2), 32, Metadata),
    Block(Ipv4Addr::new(169, 254, 170, 23), 32, Metadata),
    Block(Ipv4Addr::new(169, 254, 42, 42), 32, Metadata),
    Block(Ipv4Addr::new(169, 254, 0, 23), 32, Metadata),
    // Azure's host answers at an address of the public internet.
    Block(Ipv4Addr::new(168, 63, 129, 16), 32, Metadata),
    // Alibaba; Oracle.
    Block(Ipv4Addr::new(100, 100, 100, 200), 32, Metadata),
    Block(Ipv4Addr::new(192, 0, 0, 192), 32, Metadata),
    Block(Ipv4Addr::UNSPECIFIED, 32, Unspecified),
    Block(Ipv4Addr::new(0, 0, 0, 0), 8, ThisNetwork),
    Block(Ipv4Addr::new(10, 0, 0, 0), 8, Private),
    Block(Ipv4Addr::new(100, 64, 0, 0), 10, Shared),
    Block(Ipv4Addr::new(127, 0, 0, 0), 8, Loopback),
    Block(Ipv4Addr::new(169, 254, 0, 0), 16, LinkLocal),
    Block(Ipv4Addr::new(172, 16, 0, 0), 12, Private),
    Block(Ipv4Addr::new(192, 0, 0, 9), 32, Anycast),
    Block(Ipv4Addr::new(192, 0, 0, 10), 32, Anycast),
    Block(Ipv4Addr::new(192, 0, 0, 0), 24, Reserved),
    Block(Ipv4Addr::new(192, 0, 2, 0), 24, Documentation),
    Block(Ipv4Addr::new(192, 88, 99, 0), 24, Anycast),
    Block(Ipv4Addr::new(192, 168, 0, 0), 16, Private),
    Block(Ipv4Addr::new(198, 18, 0, 0), 15, Benchmarking),
    Block(Ipv4Addr::new(198, 51, 100, 0), 24, Documentation),
    Block(Ipv4Addr::new(203, 0, 113, 0), 24, Documentation),
    Block(Ipv4Addr::new(224, 0, 0, 0), 4, Multicast),
    Block(Ipv4Addr::BROADCAST, 32, Broadcast),
    Block(Ipv4Addr::new(240, 0, 0, 0), 4, Reserved),
];

/// iana-ipv6-special-registry and clouds' own addresses, without the forms that embed an address of IPv4. The first
/// block that holds an address decides.
const V6: [Block<Ipv6Addr>; 24] = [
    // Amazon (two), Google, Oracle, Scaleway.
    Block(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128, Metadata),
    Block(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23), 128, Metadata),
    Block(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254), 128, Metadata),
    Block(Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe), 128, Metadata),
    Block(Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42), 128, Metadata),
    Block(Ipv6Addr::UNSPECIFIED, 128, Unspecified),
    Block(Ipv6Addr::LOCALHOST, 128, Loopback),
    Block(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, UniqueLocal),
    Block(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, LinkLocal),
    Block(Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, Private),
    Block(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, Multicast),
    // Services that the registry calls globally reachable, though it is the nearest server that answers.
    Block(Ipv6Addr::new(0x2001, 1, 0, 0, 0, 0, 0, 1), 128, Anycast),
    Block(Ipv6Addr::new(0x2001, 1, 0, 0, 0, 0, 0, 2), 128, Anycast),
    Block(Ipv6Addr::new(0x2001, 1, 0, 0, 0, 0, 0, 3), 128, Anycast),
    Block(Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0), 48, Benchmarking),
    // What is globally reachable of 2001::/23: AMT, AS112, ORCHIDv2, drones' identifiers.
    Block(Ipv6Addr::new(0x2001, 3, 0, 0, 0, 0, 0, 0), 32, Global),
    Block(Ipv6Addr::new(0x2001, 4, 0x112, 0, 0, 0, 0, 0), 48, Global),
    Block(Ipv6Addr::new(0x2001, 0x20, 0, 0, 0, 0, 0, 0), 28, Global),
    Block(Ipv6Addr::new(0x2001, 0x30, 0, 0, 0, 0, 0, 0), 28, Global),
    Block(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, Reserved),
    Block(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, Documentation),
    Block(Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, Documentation),
    Block(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3, Global),
    // Outside of 2000::/3 nothing is assigned to anybody: 100::/64, 64:ff9b:1::/48, 5f00::/16 and the rest.
    Block(Ipv6Addr::UNSPECIFIED, 0, Reserved),
];

fn classify_v4(address: Ipv4Addr) -> AddressClass {
    let holds = |first: Ipv4Addr, bits: u32| {
        let differing = address.to_bits() ^ first.to_bits();
        differing.leading_zeros() >= bits
    };
    let block = V4.iter().find(|Block(first, bits, _)| holds(*first, *bits));
    block.map_or(Global, |Block(_, _, class)| *class)
}

fn classify_v6(address: Ipv6Addr) -> AddressClass {
    let embedded = Embedded::of(address);
    if let Some(class) = embedded.classes().find(|class| *class != Global) {
        return class;
    }
    if matches!(embedded, Embedded::Whole(_) | Embedded::Teredo(..)) {
        return Global;
    }
    let holds = |first: Ipv6Addr, bits: u32| {
        let differing = address.to_bits() ^ first.to_bits();
        differing.leading_zeros() >= bits
    };
    let block = V6.iter().find(|Block(first, bits, _)| holds(*first, *bits));
    block.map_or(Reserved, |Block(_, _, class)| *class)
}

/// The addresses of IPv4 that stand in one of IPv6.
#[derive(Clone, Copy)]
enum Embedded {
    None,
    /// The form means nothing else: mapped, NAT64, 6to4.
    Whole(Ipv4Addr),
    /// The relay's and the host's.
    Teredo(Ipv4Addr, Ipv4Addr),
    /// The prefix has a say as well: ISATAP, and the withdrawn forms, which lie in reserved space.
    Beside(Ipv4Addr),
}

impl Embedded {
    fn of(address: Ipv6Addr) -> Self {
        let [a, b, c, d, e, f, g, h] = address.segments();
        let last = join(g, h);
        match (a, b, c, d, e, f) {
            // Unspecified and loopback are addresses of their own.
            (0, 0, 0, 0, 0, 0) if address.to_bits() > 1 => Self::Beside(last),
            (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => Self::Whole(last),
            (0, 0, 0, 0, 0xffff, 0) => Self::Beside(last),
            (0x2002, b, c, ..) => Self::Whole(join(b, c)),
            // The host's address is written with its bits turned.
            (0x2001, 0, c, d, ..) => Self::Teredo(join(c, d), join(!g, !h)),
            (_, _, _, _, 0 | 0x200, 0x5efe) => Self::Beside(last),
            _ => Self::None,
        }
    }

    fn classes(self) -> impl Iterator<Item = AddressClass> {
        let (first, second) = match self {
            Self::None => (None, None),
            Self::Whole(address) | Self::Beside(address) => (Some(address), None),
            Self::Teredo(relay, host) => (Some(relay), Some(host)),
        };
        first.into_iter().chain(second).map(classify_v4)
    }
}

fn join(high: u16, low: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> AddressClass {
        classify(text.parse().unwrap())
    }

    #[test]
    fn each_block_begins_and_ends_where_the_registry_says() {
        for (text, expected) in [
            ("0.0.0.0", Unspecified),
            ("0.0.0.1", ThisNetwork),
            ("0.255.255.255", ThisNetwork),
            ("1.0.0.0", Global),
            ("9.255.255.255", Global),
            ("10.0.0.0", Private),
            ("10.255.255.255", Private),
            ("11.0.0.0", Global),
            ("100.63.255.255", Global),
            ("100.64.0.0", Shared),
            ("100.127.255.255", Shared),
            ("100.128.0.0", Global),
            ("126.255.255.255", Global),
            ("127.0.0.0", Loopback),
            ("127.255.255.255", Loopback),
            ("128.0.0.0", Global),
            ("169.253.255.255", Global),
            ("169.254.0.0", LinkLocal),
            ("169.254.255.255", LinkLocal),
            ("169.255.0.0", Global),
            ("172.15.255.255", Global),
            ("172.16.0.0", Private),
            ("172.31.255.255", Private),
            ("172.32.0.0", Global),
            ("191.255.255.255", Global),
            ("192.0.0.0", Reserved),
            ("192.0.0.8", Reserved),
            ("192.0.0.9", Anycast),
            ("192.0.0.10", Anycast),
            ("192.0.0.170", Reserved),
            ("192.0.0.255", Reserved),
            ("192.0.1.0", Global),
            ("192.0.2.0", Documentation),
            ("192.0.3.0", Global),
            ("192.31.196.1", Global),
            ("192.52.193.1", Global),
            ("192.88.98.255", Global),
            ("192.88.99.1", Anycast),
            ("192.88.100.0", Global),
            ("192.167.255.255", Global),
            ("192.168.0.0", Private),
            ("192.168.255.255", Private),
            ("192.169.0.0", Global),
            ("192.175.48.1", Global),
            ("198.17.255.255", Global),
            ("198.18.0.0", Benchmarking),
            ("198.19.255.255", Benchmarking),
            ("198.20.0.0", Global),
            ("198.51.100.255", Documentation),
            ("203.0.113.0", Documentation),
            ("223.255.255.255", Global),
            ("224.0.0.0", Multicast),
            ("239.255.255.255", Multicast),
            ("240.0.0.0", Reserved),
            ("255.255.255.254", Reserved),
            ("255.255.255.255", Broadcast),
            ("::", Unspecified),
            ("::1", Loopback),
            ("100::1", Reserved),
            ("100:0:0:1::1", Reserved),
            ("64:ff9b:1::808:808", Reserved),
            ("1fff:ffff::1", Reserved),
            ("2000::", Global),
            ("2001:1::1", Anycast),
            ("2001:1::2", Anycast),
            ("2001:1::3", Anycast),
            ("2001:1::4", Reserved),
            ("2001:2::1", Benchmarking),
            ("2001:2:0:ffff::1", Benchmarking),
            ("2001:2:1::1", Reserved),
            ("2001:3::1", Global),
            ("2001:4:112::1", Global),
            ("2001:4:113::1", Reserved),
            ("2001:10::1", Reserved),
            ("2001:20::1", Global),
            ("2001:2f:ffff::1", Global),
            ("2001:30::1", Global),
            ("2001:40::1", Reserved),
            ("2001:1ff:ffff::1", Reserved),
            ("2001:200::1", Global),
            ("2001:db8::1", Documentation),
            ("2001:db8:ffff::1", Documentation),
            ("2001:db9::1", Global),
            ("2620:4f:8000::1", Global),
            ("2606:2800:220:1:248:1893:25c8:1946", Global),
            ("3ffe::1", Global),
            ("3fff::1", Documentation),
            ("3fff:fff::1", Documentation),
            ("3fff:1000::1", Global),
            ("4000::", Reserved),
            ("5f00::1", Reserved),
            ("fbff::1", Reserved),
            ("fc00::", UniqueLocal),
            ("fdff::1", UniqueLocal),
            ("fe00::1", Reserved),
            ("fe80::1", LinkLocal),
            ("febf::1", LinkLocal),
            ("fec0::1", Private),
            ("feff::1", Private),
            ("ff00::1", Multicast),
            ("ff0e::1", Multicast),
        ] {
            assert_eq!(class(text), expected, "{text}");
        }
    }

    #[test]
    fn what_embeds_an_address_is_what_that_one_is() {
        for (embedding, embedded) in [
            ("::ffff:8.8.8.8", Global),
            ("::ffff:127.0.0.1", Loopback),
            ("::ffff:0:0", Unspecified),
            ("::ffff:168.63.129.16", Metadata),
            ("::ffff:0:8.8.8.8", Reserved),
            ("::ffff:0:10.0.0.1", Private),
            ("::8.8.8.8", Reserved),
            ("::127.0.0.1", Loopback),
            ("::2", ThisNetwork),
            ("64:ff9b::8.8.8.8", Global),
            ("64:ff9b::192.168.0.1", Private),
            ("64:ff9b::169.254.169.254", Metadata),
            ("64:ff9b::1:0:0", Reserved),
            ("2002:808:808::1", Global),
            ("2002:7f00:1::1", Loopback),
            ("2002:a9fe:a9fe::", Metadata),
            ("2002:c058:6301::", Anycast),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", Documentation),
            ("2001:0:4136:e378:8000:63bf:f7f7:f7f7", Global),
            ("2001:0:a00:1:8000:63bf:f7f7:f7f7", Private),
            ("2001:0:808:808:8000:63bf:80ff:fffe", Loopback),
            ("2a00:1::5efe:8.8.8.8", Global),
            ("2a00:1::5efe:10.0.0.1", Private),
            ("2a00:1::200:5efe:10.0.0.1", Private),
            ("2001:db8::5efe:8.8.8.8", Documentation),
            ("fe80::5efe:8.8.8.8", LinkLocal),
        ] {
            assert_eq!(class(embedding), embedded, "{embedding}");
        }
    }

    #[test]
    fn clouds_own_addresses_are_known_by_name() {
        let addresses = [
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "169.254.42.42",
            "169.254.0.23",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "fd00:c1::a9fe:a9fe",
            "fd00:42::42",
        ];
        for address in addresses {
            assert_eq!(class(address), Metadata, "{address}");
        }
    }
}
