//! The mask of a PATCH that gives none (AIP-134).

use bytes::Bytes;
use serde_json::{Value, json};

use crate::fake::{Answer, Shop};

async fn mask(method: &str, path: &str, body: &str) -> Value {
    let shop = Shop::new(|_| Answer::Message(Bytes::new()));
    let reply = shop.call(method, path, body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = shop.seen("shop.UpdateItemRequest");
    assert_eq!(seen["item"]["name"], "shops/a/items/b");
    seen["updateMask"].clone()
}

#[tokio::test]
async fn a_mask_is_the_fields_that_the_bodys_resource_names() {
    for (resource, want) in [
        (r#"{"title": "t"}"#, json!("title")),
        (r#"{"price_cents": 0, "maker": {"country": "NL"}}"#, json!("priceCents,maker")),
        // Null clears; what is not mentioned stays.
        (r#"{"title": null, "labels": null, "maker": null}"#, json!("title,labels,maker")),
        (r#"{"tags": [], "labels": {}}"#, json!("tags,labels")),
        (r#"{"name": "shops/a/items/b", "title": ""}"#, json!("title")),
        (r#"{"extra": {"title": 1, "stock": {"tags": 2}}}"#, json!("extra")),
        (r#"{"name": "shops/a/items/b"}"#, Value::Null),
        (r#"{}"#, Value::Null),
        ("null", Value::Null),
    ] {
        let wrapped = format!(r#"{{"item": {resource}}}"#);
        assert_eq!(mask("PATCH", "/v1/shops/a/items/b", &wrapped).await, want, "{wrapped}");
        assert_eq!(mask("PATCH", "/v2/shops/a/items/b", resource).await, want, "{resource}");
    }
    assert_eq!(mask("PATCH", "/v1/shops/a/items/b", "").await, Value::Null);
    // Masks that are given, but empty, count as absent.
    for body in [r#"{"item": {"title": "t"}, "updateMask": ""}"#, r#"{"updateMask": null, "item": {"title": "t"}}"#] {
        assert_eq!(mask("PATCH", "/v1/shops/a/items/b", body).await, json!("title"), "{body}");
    }
    assert_eq!(mask("PATCH", "/v2/shops/a/items/b?updateMask=", r#"{"title": "t"}"#).await, json!("title"));
}

#[tokio::test]
async fn a_mask_that_is_given_stands() {
    for (path, body) in [
        ("/v1/shops/a/items/b", r#"{"updateMask": "stock", "item": {"title": "t"}}"#),
        ("/v1/shops/a/items/b", r#"{"item": {"title": "t"}, "update_mask": "stock"}"#),
        ("/v1/shops/a/items/b?updateMask=stock", r#"{"item": {"title": "t"}}"#),
        ("/v2/shops/a/items/b?update_mask=stock", r#"{"title": "t"}"#),
    ] {
        assert_eq!(mask("PATCH", path, body).await, json!("stock"), "{path} {body}");
    }
    assert_eq!(mask("PUT", "/v1/shops/a/items/b", r#"{"title": "t"}"#).await, Value::Null, "only a PATCH infers");
}

#[tokio::test]
async fn a_mask_given_twice_or_any_other_parameter_beside_a_whole_body_is_refused() {
    let shop = Shop::new(|_| Answer::Message(Bytes::new()));
    let twice = shop.call("PATCH", "/v1/shops/a/items/b?updateMask=stock", r#"{"updateMask": "title"}"#).await;
    assert_eq!((twice.status, twice.fields()), (400, vec!["updateMask".to_owned()]));
    let other = shop.call("PATCH", "/v1/shops/a/items/b?allowMissing=true", "{}").await;
    assert_eq!((other.status, other.fields()), (400, vec!["allowMissing".to_owned()]));
    assert_eq!(shop.call("PATCH", "/v2/shops/a/items/b?allowMissing=true", "{}").await.status, 200);
}
