//! Corners of writing a host's own type as JSON.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;

use proptest::prelude::*;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::*;
use crate::json::{Literal, read_number};

/// A value that takes every way through a serializer.
#[derive(Debug, Clone)]
enum Tree {
    Unit,
    UnitStruct,
    UnitVariant,
    None,
    Bool(bool),
    I8(i8),
    I64(i64),
    U64(u64),
    I128(i128),
    U128(u128),
    Char(char),
    Str(String),
    Bytes(Vec<u8>),
    Some(Box<Tree>),
    Newtype(Box<Tree>),
    NewtypeVariant(Box<Tree>),
    Seq(Vec<Tree>),
    Tuple(Vec<Tree>),
    TupleStruct(Vec<Tree>),
    TupleVariant(Vec<Tree>),
    Map(Vec<(Tree, Tree)>),
    Struct(Vec<Tree>),
    StructVariant(Vec<Tree>),
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unit => to.serialize_unit(),
            Self::UnitStruct => to.serialize_unit_struct("U"),
            Self::UnitVariant => to.serialize_unit_variant("E", 0, "unit\n"),
            Self::None => to.serialize_none(),
            Self::Bool(value) => to.serialize_bool(*value),
            Self::I8(value) => to.serialize_i8(*value),
            Self::I64(value) => to.serialize_i64(*value),
            Self::U64(value) => to.serialize_u64(*value),
            Self::I128(value) => to.serialize_i128(*value),
            Self::U128(value) => to.serialize_u128(*value),
            Self::Char(value) => to.serialize_char(*value),
            Self::Str(value) => to.serialize_str(value),
            Self::Bytes(value) => to.serialize_bytes(value),
            Self::Some(value) => to.serialize_some(value),
            Self::Newtype(value) => to.serialize_newtype_struct("N", value),
            Self::NewtypeVariant(value) => to.serialize_newtype_variant("E", 1, "new\"type", value),
            Self::Seq(items) => {
                let mut to = to.serialize_seq(None)?;
                items.iter().try_for_each(|item| to.serialize_element(item))?;
                to.end()
            }
            Self::Tuple(items) => {
                let mut to = to.serialize_tuple(items.len())?;
                items.iter().try_for_each(|item| to.serialize_element(item))?;
                to.end()
            }
            Self::TupleStruct(items) => {
                let mut to = to.serialize_tuple_struct("T", items.len())?;
                items.iter().try_for_each(|item| to.serialize_field(item))?;
                to.end()
            }
            Self::TupleVariant(items) => {
                let mut to = to.serialize_tuple_variant("E", 2, "tuple", items.len())?;
                items.iter().try_for_each(|item| to.serialize_field(item))?;
                to.end()
            }
            Self::Map(members) => {
                let mut to = to.serialize_map(None)?;
                members.iter().try_for_each(|(name, value)| to.serialize_entry(name, value))?;
                to.end()
            }
            Self::Struct(fields) => {
                let mut to = to.serialize_struct("S", fields.len())?;
                fields.iter().try_for_each(|field| to.serialize_field("field", field))?;
                to.end()
            }
            Self::StructVariant(fields) => {
                let mut to = to.serialize_struct_variant("E", 3, "struct", fields.len())?;
                fields.iter().try_for_each(|field| to.serialize_field("field", field))?;
                to.end()
            }
        }
    }
}

fn name() -> impl Strategy<Value = Tree> {
    prop_oneof![
        3 => any::<String>().prop_map(Tree::Str),
        1 => any::<char>().prop_map(Tree::Char),
        1 => any::<i64>().prop_map(Tree::I64),
        1 => any::<u128>().prop_map(Tree::U128),
        1 => any::<bool>().prop_map(Tree::Bool),
        1 => Just(Tree::UnitVariant),
        1 => any::<String>().prop_map(|name| Tree::Newtype(Box::new(Tree::Str(name)))),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Unit),
        Just(Tree::UnitStruct),
        Just(Tree::UnitVariant),
        Just(Tree::None),
        any::<bool>().prop_map(Tree::Bool),
        any::<i8>().prop_map(Tree::I8),
        any::<i64>().prop_map(Tree::I64),
        any::<u64>().prop_map(Tree::U64),
        any::<i128>().prop_map(Tree::I128),
        any::<u128>().prop_map(Tree::U128),
        any::<char>().prop_map(Tree::Char),
        any::<String>().prop_map(Tree::Str),
        "[\\x00-\\x7f]{0,40}".prop_map(Tree::Str),
        any::<Vec<u8>>().prop_map(Tree::Bytes),
    ];
    leaf.prop_recursive(6, 64, 6, |tree| {
        let items = prop::collection::vec(tree.clone(), 0..6);
        prop_oneof![
            tree.clone().prop_map(|tree| Tree::Some(Box::new(tree))),
            tree.clone().prop_map(|tree| Tree::Newtype(Box::new(tree))),
            tree.clone().prop_map(|tree| Tree::NewtypeVariant(Box::new(tree))),
            items.clone().prop_map(Tree::Seq),
            items.clone().prop_map(Tree::Tuple),
            items.clone().prop_map(Tree::TupleStruct),
            items.clone().prop_map(Tree::TupleVariant),
            items.clone().prop_map(Tree::Struct),
            items.prop_map(Tree::StructVariant),
            prop::collection::vec((name(), tree), 0..6).prop_map(Tree::Map),
        ]
    })
}

proptest! {
    #[test]
    fn without_floats_the_bytes_are_those_of_serde_json(tree in tree()) {
        prop_assert_eq!(
            String::from_utf8(to_json(&tree).unwrap()).unwrap(),
            serde_json::to_string(&tree).unwrap()
        );
    }

    #[test]
    fn a_double_is_written_as_a_number_that_names_it(value in prop::num::f64::ANY) {
        match to_json(&value) {
            Ok(text) => {
                let (len, kind) = read_number(&text).unwrap();
                prop_assert_eq!(len, text.len());
                prop_assert_ne!(kind, Literal::BigInteger);
                // The sign of zero is the one thing that canonical form drops.
                let read: f64 = core::str::from_utf8(&text).unwrap().parse().unwrap();
                prop_assert_eq!(read, value);
            }
            Err(error) => prop_assert!(!value.is_finite() && error == SerError::NonFinite),
        }
    }

    #[test]
    fn a_narrow_float_is_written_with_its_own_shortest_digits(value in prop::num::f32::NORMAL) {
        let text = to_json(&value).unwrap();
        let read: f32 = core::str::from_utf8(&text).unwrap().parse().unwrap();
        prop_assert_eq!(read, value);
        prop_assert_ne!(read_number(&text).unwrap().1, Literal::BigInteger);
    }
}

fn text(value: impl Serialize) -> String {
    String::from_utf8(to_json(&value).unwrap()).unwrap()
}

#[test]
fn a08_infinity_is_refused_and_never_becomes_null() {
    for value in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        assert_eq!(to_json(&vec![1.0, value]), Err(SerError::NonFinite));
        assert_eq!(to_json(&(value as f32)), Err(SerError::NonFinite));
    }
    assert_eq!(MessageError::from(SerError::NonFinite).code(), ErrorCode::NonFiniteNumber);
}

#[test]
fn a_large_float_is_never_written_as_an_integer_literal() {
    assert_eq!(
        text([1.0, -2.5, 0.1, 1e15, 9_007_199_254_740_991.0]),
        "[1,-2.5,0.1,1000000000000000,9007199254740991]"
    );
    assert_eq!(
        text([9_007_199_254_740_992.0, -1e20, 1e21, 1.5e300]),
        "[9007199254740992e0,-1e20,1e+21,1.5e+300]"
    );
    assert_eq!(text([0.1_f32, 1e20_f32]), "[0.1,1e20]");
}

#[test]
fn a_member_name_has_one_obvious_spelling_or_is_refused() {
    for name in [Tree::Unit, Tree::None, Tree::Seq(vec![]), Tree::Bytes(vec![1]), Tree::Map(vec![])] {
        assert_eq!(to_json(&Tree::Map(vec![(name, Tree::Unit)])), Err(SerError::NameNotText));
    }
}

#[test]
fn a_type_that_nests_without_end_is_refused_while_writing() {
    struct Endless;
    impl Serialize for Endless {
        fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            to.collect_seq([Self])
        }
    }
    assert_eq!(to_json(&Endless), Err(SerError::TooDeep));
}

#[test]
fn on_an_error_the_output_is_left_as_it_was() {
    let mut out = vec![b'x'];
    assert!(write_json(&vec![0.5, f64::NAN], &mut out).is_err());
    assert_eq!(out, b"x");
}

proptest! {
    #[test]
    fn the_room_for_a_quoted_text_is_never_outgrown(text in r#"([\x00-\x1f"\\]|.){0,80}"#) {
        let room = crate::json::quoted_len_max(&text);
        let quoted = crate::json::quoted(&text);
        // What outgrows its room is copied, and the first copy of a secret stays behind.
        prop_assert!(quoted.len() <= room && quoted.capacity() >= room, "{} of {room}", quoted.len());
    }
}
