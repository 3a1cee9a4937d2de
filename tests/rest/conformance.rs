//! The JSON cases of protobuf's conformance suite (conformance/binary_json_conformance_suite.cc), re-expressed over
//! `kinds.All`. Accepted: JSON in, the canonical JSON of the message that it is; the bytes are read by prost-reflect
//! too. Refused: JSON in. Written: bytes in, JSON out or nothing.

use std::sync::LazyLock;

use coaching::rest::json::Codec;
use prost_reflect::DynamicMessage;

use crate::fake::POOL;

static CODEC: LazyLock<Codec> = LazyLock::new(|| Codec::new(&POOL, 80));

/// What is read, and how it is written again. `=` stands for the same text.
const ACCEPTED: &[(&str, &str)] = &[
    // Field names.
    (r#"{"fieldName1":1,"fieldName2":2,"FieldName3":3,"fieldName4":4,"FIELDNAME5":5}"#, "="),
    (
        r#"{"field_name1":1,"field_name_2":2,"_field_name3":3,"fieldName4":4,"FIELD_NAME5":5}"#,
        r#"{"fieldName1":1,"fieldName2":2,"FieldName3":3,"fieldName4":4,"FIELDNAME5":5}"#,
    ),
    (r#"{"field\u004eame1":1}"#, r#"{"fieldName1":1}"#),
    (r#"{"@cus\"tom":1}"#, "="),
    (r#"{"custom":1}"#, r#"{"@cus\"tom":1}"#),
    ("{}", "="),
    (" {\n\t} \r\n", "{}"),
    // 32-bit integers.
    (r#"{"int32":2147483647}"#, "="),
    (r#"{"int32":-2147483648}"#, "="),
    (r#"{"uint32":4294967295}"#, "="),
    (r#"{"int32":100000.000}"#, r#"{"int32":100000}"#),
    (r#"{"int32":1e5}"#, r#"{"int32":100000}"#),
    (r#"{"int32":2.147483647e9}"#, r#"{"int32":2147483647}"#),
    (r#"{"int32":-2.147483648e9}"#, r#"{"int32":-2147483648}"#),
    (r#"{"uint32":4.294967295e9}"#, r#"{"uint32":4294967295}"#),
    (r#"{"int32":"2147483647"}"#, r#"{"int32":2147483647}"#),
    (r#"{"int32":"\u0031\u0032"}"#, r#"{"int32":12}"#),
    (r#"{"int32":"-2147483648"}"#, r#"{"int32":-2147483648}"#),
    (r#"{"int32":"1e2"}"#, r#"{"int32":100}"#),
    (r#"{"int32":"1.0"}"#, r#"{"int32":1}"#),
    (r#"{"int32":-0}"#, "{}"),
    (r#"{"sint32":-1,"fixed32":4294967295,"sfixed32":-1}"#, "="),
    // 64-bit integers.
    (r#"{"int64":"9223372036854775807"}"#, "="),
    (r#"{"int64":"-9223372036854775808"}"#, "="),
    (r#"{"uint64":"18446744073709551615"}"#, "="),
    (r#"{"int64":9223372036854775807}"#, r#"{"int64":"9223372036854775807"}"#),
    (r#"{"int64":-9223372036854775808}"#, r#"{"int64":"-9223372036854775808"}"#),
    (r#"{"uint64":18446744073709551615}"#, r#"{"uint64":"18446744073709551615"}"#),
    (r#"{"int64":1.0,"uint64":1e2}"#, r#"{"int64":"1","uint64":"100"}"#),
    (r#"{"int64":"9223372036854775807.0"}"#, r#"{"int64":"9223372036854775807"}"#),
    (r#"{"uint64":"1e19"}"#, r#"{"uint64":"10000000000000000000"}"#),
    (r#"{"sint64":"-1","fixed64":"1","sfixed64":"-1"}"#, "="),
    // Bools.
    (r#"{"bool":true}"#, "="),
    (r#"{"bool":false}"#, "{}"),
    (r#"{"optBool":false}"#, "="),
    // Floats.
    (r#"{"float":"NaN"}"#, "="),
    (r#"{"float":"Infinity"}"#, "="),
    (r#"{"float":"-Infinity"}"#, "="),
    (r#"{"float":1.17549e-38}"#, r#"{"float":1.17549e-38}"#),
    (r#"{"float":"1"}"#, r#"{"float":1}"#),
    (r#"{"float":-0.1}"#, "="),
    (r#"{"float":3.402823e+38}"#, r#"{"float":3.402823e+38}"#),
    (r#"{"double":"NaN"}"#, "="),
    (r#"{"double":"Infinity"}"#, "="),
    (r#"{"double":"-Infinity"}"#, "="),
    (r#"{"double":"1.5"}"#, r#"{"double":1.5}"#),
    (r#"{"double":"1"}"#, r#"{"double":1}"#),
    (r#"{"double":1.0}"#, r#"{"double":1}"#),
    (r#"{"double":0.1}"#, "="),
    (r#"{"double":0}"#, "{}"),
    (r#"{"optDouble":-0.0}"#, r#"{"optDouble":-0}"#),
    (r#"{"double":18446744073709551616}"#, r#"{"double":1.8446744073709552e+19}"#),
    // Strings.
    (r#"{"string":"Hello world!"}"#, "="),
    (r#"{"string":"谷歌"}"#, "="),
    (r#"{"string":"\"\\\/\b\f\n\r\t\u8C37\u6B4C"}"#, r#"{"string":"\"\\/\b\f\n\r\t谷歌"}"#),
    (r#"{"string":"\uD83D\uDE01"}"#, r#"{"string":"😁"}"#),
    (r#"{"string":"\u0000"}"#, "="),
    (r#"{"optString":""}"#, "="),
    // Bytes.
    (r#"{"bytes":"AQI="}"#, "="),
    (r#"{"bytes":"AQI"}"#, r#"{"bytes":"AQI="}"#),
    (r#"{"bytes":"-_"}"#, r#"{"bytes":"+w=="}"#),
    (r#"{"bytes":"-_8="}"#, r#"{"bytes":"+/8="}"#),
    (r#"{"bytes":"+/8"}"#, r#"{"bytes":"+/8="}"#),
    (r#"{"optBytes":""}"#, "="),
    // Enums.
    (r#"{"color":"RED"}"#, "="),
    (r#"{"color":1}"#, r#"{"color":"RED"}"#),
    (r#"{"color":0}"#, "{}"),
    (r#"{"color":"COLOR_UNSPECIFIED"}"#, "{}"),
    (r#"{"color":-1}"#, r#"{"color":"NEGATIVE"}"#),
    (r#"{"color":123}"#, "="),
    (r#"{"color":1.0}"#, r#"{"color":"RED"}"#),
    (r#"{"alias":"SECOND"}"#, r#"{"alias":"FIRST"}"#),
    (r#"{"optColor":"COLOR_UNSPECIFIED"}"#, "="),
    // Messages, lists, maps.
    (r#"{"child":{"int32":1234}}"#, "="),
    (r#"{"child":{}}"#, "="),
    (r#"{"manyInt32":[1,2,3,4]}"#, "="),
    (r#"{"looseInt32":[1,2,3]}"#, "="),
    (r#"{"manyInt64":["1",2]}"#, r#"{"manyInt64":["1","2"]}"#),
    (r#"{"manyColor":["RED",2,"NEGATIVE"]}"#, r#"{"manyColor":["RED","GREEN","NEGATIVE"]}"#),
    (r#"{"manyString":["Hello","world",""]}"#, "="),
    (r#"{"manyBytes":["","AQI="]}"#, "="),
    (r#"{"manyBool":[true,false]}"#, "="),
    (r#"{"manyChild":[{"int32":1234},{},{"int32":5678}]}"#, "="),
    (r#"{"manyDouble":[0,"NaN",1.5]}"#, "="),
    (r#"{"manyInt32":[]}"#, "{}"),
    (r#"{"mapInt32":{"1":2,"3":0}}"#, "="),
    (r#"{"mapInt64":{"-1":"2"}}"#, "="),
    (r#"{"mapUint64":{"18446744073709551615":"1"}}"#, "="),
    (r#"{"mapSint32":{"-1":-1},"mapFixed64":{"1":"1"},"mapSfixed32":{"-1":-1}}"#, "="),
    (r#"{"mapBool":{"true":true}}"#, "="),
    (r#"{"mapBool":{"false":false}}"#, "="),
    (r#"{"mapString":{"":""}}"#, "="),
    (r#"{"mapString":{"\u0031":"a"}}"#, r#"{"mapString":{"1":"a"}}"#),
    (r#"{"mapColor":{"a":"COLOR_UNSPECIFIED"}}"#, "="),
    (r#"{"mapChild":{"a":{"int32":1}}}"#, "="),
    (r#"{"mapBytes":{"a":"AQI="},"mapFloat":{"a":0.5}}"#, r#"{"mapBytes":{"a":"AQI="},"mapFloat":{"a":0.5}}"#),
    (r#"{"mapInt32":{}}"#, "{}"),
    // Oneofs.
    (r#"{"pickNumber":0}"#, "="),
    (r#"{"pickText":""}"#, "="),
    (r#"{"pickChild":{}}"#, "="),
    (r#"{"pickColor":"COLOR_UNSPECIFIED"}"#, "="),
    (r#"{"pickNull":null}"#, "="),
    (r#"{"pickBool":false}"#, "="),
    (r#"{"pickText":"test","pickNumber":null}"#, r#"{"pickText":"test"}"#),
    (r#"{"pickNumber":null,"pickText":null}"#, "{}"),
    // Null is absence, for every kind of field.
    (
        r#"{"int32":null,"int64":null,"uint32":null,"uint64":null,"sint32":null,"fixed64":null,"bool":null,"string":null,"bytes":null,
            "color":null,"child":null,"manyInt32":null,"manyChild":null,"mapBool":null,"optInt32":null,"timestamp":null,"duration":null,
            "mask":null,"struct":null,"list":null,"any":null,"empty":null,"wrappedBool":null,"wrappedString":null}"#,
        "{}",
    ),
    // Wrappers.
    (
        r#"{"wrappedBool":false,"wrappedInt32":0,"wrappedInt64":"0","wrappedUint32":0,"wrappedUint64":"0","wrappedFloat":0,"wrappedDouble":0,"wrappedString":"","wrappedBytes":""}"#,
        "=",
    ),
    (
        r#"{"wrappedInt64":1,"wrappedUint64":"1e3","wrappedFloat":"NaN"}"#,
        r#"{"wrappedInt64":"1","wrappedUint64":"1000","wrappedFloat":"NaN"}"#,
    ),
    (r#"{"manyWrappedInt64":["1",2]}"#, r#"{"manyWrappedInt64":["1","2"]}"#),
    // Durations.
    (r#"{"duration":"-315576000000.999999999s"}"#, ""),
    (r#"{"duration":"-315576000000s"}"#, "="),
    (r#"{"duration":"315576000000s"}"#, "="),
    (r#"{"duration":"1.5s"}"#, r#"{"duration":"1.500s"}"#),
    (r#"{"duration":"0s"}"#, "="),
    (r#"{"duration":"-0.5s"}"#, r#"{"duration":"-0.500s"}"#),
    (r#"{"manyDuration":["1.5s","-1.5s"]}"#, r#"{"manyDuration":["1.500s","-1.500s"]}"#),
    // Timestamps.
    (r#"{"timestamp":"0001-01-01T00:00:00Z"}"#, "="),
    (r#"{"timestamp":"9999-12-31T23:59:59.999999999Z"}"#, "="),
    (r#"{"timestamp":"1970-01-01T00:00:00Z"}"#, "="),
    (r#"{"timestamp":"1970-01-01T00:00:00.01Z"}"#, r#"{"timestamp":"1970-01-01T00:00:00.010Z"}"#),
    (r#"{"timestamp":"1969-12-31T23:59:59.9999Z"}"#, r#"{"timestamp":"1969-12-31T23:59:59.999900Z"}"#),
    (r#"{"timestamp":"1970-01-01T08:00:01+08:00"}"#, r#"{"timestamp":"1970-01-01T00:00:01Z"}"#),
    (r#"{"timestamp":"1969-12-31T16:00:01-08:00"}"#, r#"{"timestamp":"1970-01-01T00:00:01Z"}"#),
    (r#"{"manyTimestamp":["1970-01-01T00:00:00Z"],"mapTimestamp":{"a":"1970-01-01T00:00:00Z"}}"#, "="),
    // Field masks.
    (r#"{"mask":"foo,barBaz"}"#, "="),
    (r#"{"mask":""}"#, "="),
    (r#"{"mask":"foo.barBaz,x1"}"#, "="),
    (r#"{"manyMask":["a","",  "bC"]}"#, r#"{"manyMask":["a","","bC"]}"#),
    // Struct, Value, ListValue.
    (r#"{"struct":{"nullValue":null}}"#, "="),
    (r#"{"struct":{"a":1,"b":"s","c":[1,"x",false,null,{"d":{}}],"e":{},"f":1.5}}"#, ""),
    (r#"{"struct":{}}"#, "="),
    (r#"{"struct":{"":{"":[]}}}"#, "="),
    (r#"{"list":[0,"hello",null,[],{}]}"#, "="),
    (r#"{"list":[]}"#, "="),
    (r#"{"value":1}"#, "="),
    (r#"{"value":-1.5}"#, "="),
    (r#"{"value":"hello"}"#, "="),
    (r#"{"value":true}"#, "="),
    (r#"{"value":null}"#, "="),
    (r#"{"value":[0,"hello"]}"#, "="),
    (r#"{"value":{"value":[{"a":null}]}}"#, "="),
    (r#"{"manyValue":[null,1,"a",[],{}]}"#, "="),
    (r#"{"manyList":[["a"],[]],"manyStruct":[{},{"a":1}]}"#, "="),
    (r#"{"mapValue":{"a":null}}"#, "="),
    (r#"{"null":null}"#, "{}"),
    (r#"{"manyNull":[null,null]}"#, "="),
    // Empty and Any.
    (r#"{"empty":{}}"#, "="),
    (r#"{"any":{}}"#, "="),
    (r#"{"any":{"@type":"type.googleapis.com/kinds.All","int32":12345}}"#, "="),
    (
        r#"{"any":{"int32":12345,"manyChild":[{"int64":"9007199254740993"}],"@type":"type.googleapis.com/kinds.All"}}"#,
        r#"{"any":{"@type":"type.googleapis.com/kinds.All","int32":12345,"manyChild":[{"int64":"9007199254740993"}]}}"#,
    ),
    (
        r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Any","value":{"@type":"type.googleapis.com/kinds.All","int32":1}}}"#,
        "=",
    ),
    (r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Int32Value","value":12345}}"#, "="),
    (r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1.500s"}}"#, "="),
    (
        r#"{"any":{"value":"1.5s","@type":"type.googleapis.com/google.protobuf.Duration"}}"#,
        r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1.500s"}}"#,
    ),
    (r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Timestamp","value":"1970-01-01T00:00:00Z"}}"#, "="),
    (r#"{"any":{"@type":"type.googleapis.com/google.protobuf.FieldMask","value":"foo,barBaz"}}"#, "="),
    (r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Struct","value":{"foo":1}}}"#, "="),
    (r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Value","value":null}}"#, "="),
    (r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Value","value":[1]}}"#, "="),
    (r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Empty"}}"#, "="),
    (
        r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Empty","value":{}}}"#,
        r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Empty"}}"#,
    ),
    (r#"{"any":{"@type":"example.com/a/b/kinds.All"}}"#, "="),
    (r#"{"manyAny":[{"@type":"x/kinds.All"},{}]}"#, "="),
];

const REFUSED: &[&str] = &[
    "",
    "[]",
    "1",
    "null",
    "\"{}\"",
    r#"{"unknown":1}"#,
    r#"{"unknown":{"a":[1,{"b":null}]}}"#,
    r#"{"field_Name1":1}"#,
    r#"{"FieldName1":1}"#,
    r#"{"[kinds.extension]":1}"#,
    r#"{"int32":1,"int32":2}"#,
    r#"{"fieldName1":1,"field_name1":2}"#,
    r#"{"int32":1,}"#,
    r#"{int32:1}"#,
    r#"{'int32':1}"#,
    r#"{"int32":1 "int64":2}"#,
    r#"{"manyInt32":[1,]}"#,
    r#"{"int32":1}{}"#,
    r#"/* comment */{"int32":1}"#,
    r#"{"int32":0x1}"#,
    r#"{"int32":+1}"#,
    r#"{"int32":01}"#,
    r#"{"int32":2147483648}"#,
    r#"{"int32":-2147483649}"#,
    r#"{"int32":0.5}"#,
    r#"{"int32":"0.5"}"#,
    r#"{"int32":""}"#,
    r#"{"int32":" 1"}"#,
    r#"{"int32":"1 "}"#,
    r#"{"int32":"1a"}"#,
    r#"{"int32":"0x1"}"#,
    r#"{"int32":true}"#,
    r#"{"int32":[]}"#,
    r#"{"int32":{}}"#,
    r#"{"int32":"NaN"}"#,
    r#"{"uint32":4294967296}"#,
    r#"{"uint32":-1}"#,
    r#"{"fixed32":-1}"#,
    r#"{"sfixed32":2147483648}"#,
    r#"{"sint32":2147483648}"#,
    r#"{"int64":"9223372036854775808"}"#,
    r#"{"int64":9223372036854775808}"#,
    r#"{"int64":"-9223372036854775809"}"#,
    r#"{"int64":9007199254740993.0}"#,
    r#"{"uint64":"18446744073709551616"}"#,
    r#"{"uint64":18446744073709551616}"#,
    r#"{"uint64":-1}"#,
    r#"{"fixed64":"-1"}"#,
    r#"{"bool":0}"#,
    r#"{"bool":"true"}"#,
    r#"{"bool":"false"}"#,
    r#"{"bool":True}"#,
    r#"{"float":3.502823e+38}"#,
    r#"{"float":-3.502823e+38}"#,
    r#"{"float":"3.5e38"}"#,
    r#"{"float":"nan"}"#,
    r#"{"float":"inf"}"#,
    r#"{"float":NaN}"#,
    r#"{"float":Infinity}"#,
    r#"{"float":-Infinity}"#,
    r#"{"double":1.89769e+308}"#,
    r#"{"double":"-1.89769e+308"}"#,
    r#"{"double":"1.5x"}"#,
    r#"{"double":""}"#,
    r#"{"double":".5"}"#,
    r#"{"double":true}"#,
    r#"{"string":1}"#,
    r#"{"string":true}"#,
    r#"{"string":["a"]}"#,
    r#"{"string":"\uD800"}"#,
    r#"{"string":"\uDC00"}"#,
    r#"{"string":"\uD800\u0061"}"#,
    r#"{"string":"\u12"}"#,
    r#"{"string":"\U8C37"}"#,
    "{\"string\":\"\n\"}",
    r#"{"bytes":"a"}"#,
    r#"{"bytes":"AQI=="}"#,
    r#"{"bytes":"A Q I"}"#,
    r#"{"bytes":"-/"}"#,
    r#"{"bytes":"=="}"#,
    r#"{"bytes":1}"#,
    r#"{"color":"PINK"}"#,
    r#"{"color":"red"}"#,
    r#"{"color":"1"}"#,
    r#"{"color":1.5}"#,
    r#"{"color":2147483648}"#,
    r#"{"color":true}"#,
    r#"{"mapColor":{"a":"PINK"}}"#,
    r#"{"manyColor":["PINK"]}"#,
    r#"{"child":1}"#,
    r#"{"child":[]}"#,
    r#"{"child":"x"}"#,
    r#"{"manyInt32":1}"#,
    r#"{"manyInt32":{}}"#,
    r#"{"manyInt32":[null]}"#,
    r#"{"manyInt32":[1,"x"]}"#,
    r#"{"manyString":[null]}"#,
    r#"{"manyChild":[null]}"#,
    r#"{"manyTimestamp":[null]}"#,
    r#"{"manyInt32":[[1]]}"#,
    r#"{"mapInt32":[]}"#,
    r#"{"mapInt32":{"x":1}}"#,
    r#"{"mapInt32":{"1":null}}"#,
    r#"{"mapInt32":{"1":1,"1":2}}"#,
    r#"{"mapInt32":{"1":1,"1.0":2}}"#,
    r#"{"mapInt32":{"2147483648":1}}"#,
    r#"{"mapUint32":{"-1":1}}"#,
    r#"{"mapBool":{"1":true}}"#,
    r#"{"mapBool":{"True":true}}"#,
    r#"{"mapBool":{"true":null}}"#,
    r#"{"mapString":{"a":"1","a":"2"}}"#,
    r#"{"mapString":{"a":null}}"#,
    r#"{"mapChild":{"a":null}}"#,
    r#"{"mapInt32":{1:1}}"#,
    r#"{"pickNumber":1,"pickText":"a"}"#,
    r#"{"pickNumber":1,"pickNumber":1}"#,
    r#"{"pickNull":null,"pickText":"a"}"#,
    r#"{"wrappedInt32":{"value":1}}"#,
    r#"{"wrappedInt32":"x"}"#,
    r#"{"wrappedBool":"true"}"#,
    r#"{"manyWrappedInt64":[null]}"#,
    r#"{"duration":"1"}"#,
    r#"{"duration":1}"#,
    r#"{"duration":"315576000001s"}"#,
    r#"{"duration":"-315576000001s"}"#,
    r#"{"duration":"1.0000000001s"}"#,
    r#"{"duration":"1 s"}"#,
    r#"{"duration":{"seconds":1}}"#,
    r#"{"timestamp":"0000-01-01T00:00:00Z"}"#,
    r#"{"timestamp":"10000-01-01T00:00:00Z"}"#,
    r#"{"timestamp":"0001-01-01T00:00:00"}"#,
    r#"{"timestamp":"0001-01-01t00:00:00Z"}"#,
    r#"{"timestamp":"0001-01-01T00:00:00z"}"#,
    r#"{"timestamp":"0001-01-01 00:00:00Z"}"#,
    r#"{"timestamp":"2023-02-29T00:00:00Z"}"#,
    r#"{"timestamp":0}"#,
    r#"{"timestamp":{"seconds":1}}"#,
    r#"{"mask":"foo,bar_bar"}"#,
    r#"{"mask":"a,,b"}"#,
    r#"{"mask":","}"#,
    r#"{"mask":["a"]}"#,
    r#"{"mask":{"paths":["a"]}}"#,
    r#"{"struct":[]}"#,
    r#"{"struct":1}"#,
    r#"{"struct":{"a":1,"a":2}}"#,
    r#"{"list":{}}"#,
    r#"{"list":1}"#,
    r#"{"null":1}"#,
    r#"{"null":"NULL"}"#,
    r#"{"empty":{"a":1}}"#,
    r#"{"empty":[]}"#,
    r#"{"any":{"@type":"type.googleapis.com/kinds.Nothing"}}"#,
    r#"{"any":{"@type":"kinds.All"}}"#,
    r#"{"any":{"@type":""}}"#,
    r#"{"any":{"@type":1}}"#,
    r#"{"any":{"@type":null}}"#,
    r#"{"any":{"int32":1}}"#,
    r#"{"any":{"@type":"x/kinds.All","unknown":1}}"#,
    r#"{"any":{"unknown":1,"@type":"x/kinds.All"}}"#,
    r#"{"any":{"@type":"x/kinds.All","@type":"x/kinds.All"}}"#,
    r#"{"any":{"int32":1,"@type":"x/kinds.All","int32":2}}"#,
    r#"{"any":{"@type":"x/google.protobuf.Duration"}}"#,
    r#"{"any":{"@type":"x/google.protobuf.Duration","seconds":1}}"#,
    r#"{"any":{"@type":"x/google.protobuf.Duration","value":"1"}}"#,
    r#"{"any":"x"}"#,
];

#[test]
fn what_proto3_json_allows_is_read_and_written_in_canonical_form() {
    let descriptor = POOL.get_message_by_name("kinds.All").unwrap();
    let mut refused = 0;
    for (json, want) in ACCEPTED {
        let read = CODEC.read("kinds.All", json.as_bytes());
        if want.is_empty() && read.is_err() {
            refused += 1;
            continue;
        }
        let wire = read.unwrap_or_else(|error| panic!("{json}: {error}"));
        let message =
            DynamicMessage::decode(descriptor.clone(), wire.as_slice()).unwrap_or_else(|e| panic!("{json}: {e}"));
        let written = String::from_utf8(CODEC.write("kinds.All", &wire).unwrap()).unwrap();
        let want = if *want == "=" { json } else { want };
        if !want.is_empty() {
            assert_eq!(written, *want, "{json}");
        }
        // What is written means the same bytes to the oracle, which has no JSON for an empty Any and wants a `value` of
        // an Empty in one, where Go, Java and C++ take it without.
        if ["ny\":{}", ",{}]}", "Empty"].iter().all(|hard| !json.contains(hard)) {
            let mut oracle = serde_json::Deserializer::from_str(&written);
            let read =
                DynamicMessage::deserialize(descriptor.clone(), &mut oracle).unwrap_or_else(|e| panic!("{json}: {e}"));
            // In its JSON, as NaN is not itself and an Any may hold the same message in other bytes.
            let shown = |message| serde_json::to_value(message).unwrap();
            assert_eq!(shown(&read), shown(&message), "{json}: the oracle reads the same message");
        }
    }
    assert_eq!(refused, 1, "a duration just past its bound is the only one");
}

#[test]
fn what_proto3_json_forbids_is_refused() {
    for json in REFUSED {
        assert!(CODEC.read("kinds.All", json.as_bytes()).is_err(), "{json}");
    }
}

/// Field number and wire type as a tag.
fn field(number: u32, wire: u32, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    prost::encoding::encode_varint(u64::from(number << 3 | wire), &mut out);
    if wire == 2 {
        prost::encoding::encode_varint(content.len() as u64, &mut out);
    }
    out.extend_from_slice(content);
    out
}

#[test]
fn bytes_of_every_legal_form_are_written_as_what_they_mean() {
    let all = |parts: &[Vec<u8>]| parts.concat();
    for (wire, want) in [
        // Later scalars win; zero without presence is not shown, nor are unknown fields and wrong wire types.
        (all(&[field(1, 0, &[1]), field(1, 0, &[2])]), r#"{"int32":2}"#),
        (all(&[field(1, 0, &[1]), field(1, 0, &[0])]), "{}"),
        (field(1, 0, &[0]), "{}"),
        (field(81, 0, &[0]), r#"{"optInt32":0}"#),
        (all(&[field(4000, 0, &[1]), field(4001, 2, b"x"), field(4002, 5, &[0; 4]), field(4003, 1, &[0; 8])]), "{}"),
        (field(1, 2, b"x"), "{}"),
        (field(14, 0, &[1]), "{}"),
        // Lists: packed, unpacked, mixed, in pieces.
        (field(31, 2, &[1, 2]), r#"{"manyInt32":[1,2]}"#),
        (all(&[field(31, 0, &[1]), field(31, 2, &[2, 3]), field(31, 0, &[4])]), r#"{"manyInt32":[1,2,3,4]}"#),
        (all(&[field(31, 0, &[1]), field(1, 0, &[9]), field(31, 2, &[2, 3])]), r#"{"int32":9,"manyInt32":[1,2,3]}"#),
        (field(48, 2, &[1, 2]), r#"{"looseInt32":[1,2]}"#),
        (field(31, 2, &[]), "{}"),
        (
            all(&[field(31, 0, &[1]), field(31, 2, &[]), field(31, 0, &[2]), field(1, 0, &[1]), field(31, 0, &[3])]),
            r#"{"int32":1,"manyInt32":[1,2,3]}"#,
        ),
        (all(&[field(44, 2, b"a"), field(44, 2, b"")]), r#"{"manyString":["a",""]}"#),
        // Messages in pieces merge.
        (all(&[field(17, 2, &[8, 1]), field(17, 2, &[0x10, 2])]), r#"{"child":{"int32":1,"int64":"2"}}"#),
        // Of a oneof the last counts.
        (all(&[field(71, 0, &[1]), field(72, 2, b"x")]), r#"{"pickText":"x"}"#),
        (all(&[field(72, 2, b"x"), field(71, 0, &[1]), field(72, 2, b"y")]), r#"{"pickText":"y"}"#),
        // ... and what the member held before another one was set is gone; what it holds since then merges.
        (
            all(&[field(73, 2, &[8, 1]), field(71, 0, &[1]), field(73, 2, &[0x10, 2]), field(73, 2, &[0x18, 3])]),
            r#"{"pickChild":{"int64":"2","uint32":3}}"#,
        ),
        // Maps: halves may be missing or swapped; of equal keys the last counts where fields come in pieces.
        (field(51, 2, &[]), r#"{"mapInt32":{"0":0}}"#),
        (field(51, 2, &[0x10, 5, 8, 1]), r#"{"mapInt32":{"1":5}}"#),
        (field(62, 2, &[]), r#"{"mapString":{"":""}}"#),
        (field(67, 2, &[0x0a, 1, b'k']), r#"{"mapChild":{"k":{}}}"#),
        (
            all(&[field(51, 2, &[8, 1, 0x10, 1]), field(1, 0, &[1]), field(51, 2, &[8, 1, 0x10, 2])]),
            r#"{"int32":1,"mapInt32":{"1":2}}"#,
        ),
        // Wide encodings of narrow values.
        (field(1, 0, &[0xff, 0xff, 0xff, 0xff, 0x1f]), r#"{"int32":-1}"#),
        (field(13, 0, &[0x80, 0x01]), r#"{"bool":true}"#),
        (field(16, 0, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]), r#"{"color":"NEGATIVE"}"#),
        // Well-known types with nothing in them.
        (field(101, 2, &[]), r#"{"timestamp":"1970-01-01T00:00:00Z"}"#),
        (field(102, 2, &[]), r#"{"duration":"0s"}"#),
        (field(103, 2, &[]), r#"{"mask":""}"#),
        (field(104, 2, &[]), r#"{"struct":{}}"#),
        (field(105, 2, &[]), r#"{"value":null}"#),
        (field(106, 2, &[]), r#"{"list":[]}"#),
        (field(107, 2, &[]), r#"{"any":{}}"#),
        (field(111, 2, &[]), r#"{"wrappedInt32":0}"#),
        (field(117, 2, &[]), r#"{"wrappedString":""}"#),
        (field(7, 3, &[0x3c]), "{}"),
    ] {
        let written = CODEC.write("kinds.All", &wire).unwrap_or_else(|error| panic!("{want}: {error}"));
        assert_eq!(String::from_utf8(written).unwrap(), want, "{wire:?}");
    }
}

#[test]
fn bytes_that_mean_nothing_in_json_are_errors() {
    let pair = |seconds: &[u8], nanos: &[u8]| [field(1, 0, seconds), field(2, 0, nanos)].concat();
    let minus_one = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    for wire in [
        vec![0x08],
        vec![0x0a, 5, 1],
        vec![0x00],
        field(14, 2, &[0xff]),
        field(31, 2, &[0x80]),
        field(37, 2, &[1, 2, 3]),
        field(51, 2, &[8]),
        field(62, 2, &[0x0a, 1, 0xff]),
        field(101, 2, &pair(&[0], &minus_one)),
        field(101, 2, &pair(&[0], &[0x80, 0x94, 0xeb, 0xdc, 0x03])),
        field(101, 2, &pair(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x40], &[0])),
        field(102, 2, &pair(&[1], &minus_one)),
        field(103, 2, &field(1, 2, b"fooBar")),
        field(103, 2, &field(1, 2, b"foo_3_bar")),
        field(103, 2, &field(1, 2, b"foo__bar")),
        field(103, 2, &field(1, 2, b"foo_")),
        field(105, 2, &field(2, 1, &f64::NAN.to_le_bytes())),
        field(105, 2, &field(2, 1, &f64::INFINITY.to_le_bytes())),
        field(107, 2, &field(1, 2, b"x/kinds.Nothing")),
        field(107, 2, &field(2, 2, b"\x08\x01")),
        field(107, 2, &[field(1, 2, b"x/kinds.All"), field(2, 2, b"\x08")].concat()),
    ] {
        assert!(CODEC.write("kinds.All", &wire).is_err(), "{wire:?}");
    }
    let deep = (0..500).fold(Vec::new(), |inner, _| field(17, 2, &inner));
    assert!(CODEC.write("kinds.All", &deep).is_err(), "nested too deeply");
}
