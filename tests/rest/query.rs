//! Query parameters.

use serde_json::json;

use bytes::Bytes;

use crate::fake::{Answer, Shop};

#[tokio::test]
async fn parameters_of_every_form_reach_their_fields() {
    for (query, want) in [
        ("", json!({})),
        ("&&", json!({})),
        ("pageSize=5", json!({"pageSize": 5})),
        ("page_size=5", json!({"pageSize": 5})),
        ("pageSize=5e0", json!({"pageSize": 5})),
        ("pageToken=a+b%2B%26", json!({"pageToken": "a b+&"})),
        ("pageToken=a=b", json!({"pageToken": "a=b"})),
        ("pageToken", json!({})),
        ("page%54oken=x", json!({"pageToken": "x"})),
        ("tagNames=a&tag_names=b&tagNames=", json!({"tagNames": ["a", "b", ""]})),
        ("prices=1&prices=-9223372036854775808", json!({"prices": ["1", "-9223372036854775808"]})),
        ("color=RED&colors=GREEN&colors=1&colors=-1", json!({"color": "RED", "colors": ["GREEN", "RED", "NEGATIVE"]})),
        ("sold=true", json!({"sold": true})),
        ("since=2026-01-31T09:30:00.5Z", json!({"since": "2026-01-31T09:30:00.500Z"})),
        ("since=2026-01-31T09:30:00%2B01:00", json!({"since": "2026-01-31T08:30:00Z"})),
        ("within=1.5s", json!({"within": "1.500s"})),
        ("readMask=name,priceCents", json!({"readMask": "name,priceCents"})),
        ("readMask=price_cents,maker.display_name", json!({"readMask": "priceCents,maker.displayName"})),
        ("fresh=false", json!({"fresh": false})),
        ("cursor=-_8", json!({"cursor": "+/8="})),
        ("ratio=0.5&weight=NaN", json!({"ratio": 0.5, "weight": "NaN"})),
        ("filter.makerCountry=NL&filter.least=3", json!({"filter": {"makerCountry": "NL", "least": 3}})),
        (
            "filter.inner.inner.exactly=1&filter.least=2&filter.inner.inner.exactly=3",
            json!({"filter": {"least": 2, "inner": {"inner": {"exactly": [1, 3]}}}}),
        ),
        ("by=title", json!({"by": "title"})),
        ("alt=json&fields=x&key=k&$.xgafv=2&$alt=json;enum-encoding=int&prettyPrint=false", json!({})),
    ] {
        let shop = Shop::new(|_| Answer::Message(Bytes::new()));
        let reply = shop.get(&format!("/v1/shops/a/items?{query}")).await;
        assert_eq!(reply.status, 200, "{query}: {}", reply.text());
        let mut want = want;
        want["parent"] = json!("shops/a");
        assert_eq!(shop.seen("shop.ListItemsRequest"), want, "{query}");
    }
}

#[tokio::test]
async fn parameters_that_fit_nothing_are_400_and_named() {
    let shop = Shop::echo();
    for (query, fields) in [
        ("nothing=1", &["nothing"][..]),
        ("pageSize=x&color=PINK&sold=yes&since=now&nothing=1", &["pageSize", "color", "sold", "since", "nothing"]),
        ("pageSize=", &["pageSize"]),
        ("sold", &["sold"]),
        ("sold=1", &["sold"]),
        ("pageSize=1&page_size=2", &["page_size"]),
        ("pageSize=2147483648", &["pageSize"]),
        ("parent=shops/b", &["parent"]),
        ("labels=x", &["labels"]),
        ("labels.a=x", &["labels.a"]),
        ("filter=x", &["filter"]),
        ("filter.=x", &["filter."]),
        ("filters=x", &["filters"]),
        ("filters.least=1", &["filters.least"]),
        ("extra=x", &["extra"]),
        ("extra.a=1", &["extra.a"]),
        ("pageSize.x=1", &["pageSize.x"]),
        ("since.seconds=1", &["since.seconds"]),
        ("by=x&rank=1", &["rank"]),
        ("pageToken=%zz", &["pageToken"]),
        ("pageToken=%ff", &["pageToken"]),
        ("PageSize=1", &["PageSize"]),
        ("=x", &[""]),
        ("readMask=a,,b", &["readMask"]),
    ] {
        let reply = shop.get(&format!("/v1/shops/a/items?{query}")).await;
        assert_eq!(reply.status, 400, "{query}");
        assert_eq!(reply.fields(), fields, "{query}");
    }
    assert_eq!(shop.count(), 0);
}

#[tokio::test]
async fn what_the_body_holds_is_not_taken_from_the_query() {
    let shop = Shop::echo();
    for (path, field) in [
        ("/v1/shops/a/items?item.title=x", "item.title"),
        ("/v1/shops/a/items/b:sell?buyer=x", "buyer"),
        ("/v1/shops/a/items/b:sell?name=x", "name"),
        ("/v1/shops/a/items/b:tag?tags=x", "tags"),
    ] {
        let reply = shop.call("POST", path, "").await;
        assert_eq!(reply.status, 400, "{path}");
        assert!(reply.text().contains(field), "{}", reply.text());
    }
    let both = shop.call("POST", "/v1/shops/a/items?nothing=1", r#"{"alsoNothing": 1}"#).await;
    assert_eq!(
        both.json()["details"][1]["fieldViolations"].as_array().map(Vec::len),
        Some(2),
        "body and query are reported together"
    );
}

#[tokio::test]
async fn pretty_print_indents() {
    let shop = Shop::echo();
    let reply = shop.get("/v1/shops/a/items/b?prettyPrint=true").await;
    assert_eq!(reply.text(), "{\n  \"name\": \"shops/a/items/b\"\n}\n");
    assert_eq!(reply.header("content-length"), reply.text().len().to_string());
    assert_eq!(shop.get("/v1/shops/a/items/b?$prettyPrint=false").await.text(), r#"{"name":"shops/a/items/b"}"#);
}
