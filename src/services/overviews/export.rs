//! ExportCoachingOverviews: the overviews as CSV, all in one message.

use std::collections::HashMap;

use super::overviews;
use crate::api::Ctx;
use crate::api::page::{MAX_SIZE, Page};
use crate::api::resource::key_of;
use crate::domain::csv::Table;
use crate::domain::overviews::{COLUMNS, row, zone};
use crate::error::{Error, Result, reason};
use crate::pb::coaching::directory::v1::DirectoryUser;
use crate::pb::cresta::v1::coaching::*;

/// Most overviews that go into one message.
const MOST: usize = 10_000;

/// ExportCoachingOverviews.
pub async fn export(ctx: Ctx, request: ExportCoachingOverviewsRequest) -> Result<ExportCoachingOverviewsResponse> {
    let zone = zone(&request.time_zone_id, request.time_zone_offset.as_ref()).map_err(Error::fields)?;
    let request = RetrieveCoachingOverviewsRequest {
        parent: request.parent,
        agent_user_names: request.agent_user_names,
        start_time: request.start_time,
        end_time: request.end_time,
        order_by: request.order_by,
        order_direction: request.order_direction,
        include_inactive_users: request.include_inactive_users,
        scorecard_template_names: request.scorecard_template_names,
        group_names: request.group_names,
        usecase_names: request.usecase_names,
        include_dev_users: request.include_dev_users,
        ..Default::default()
    };
    let mut page = Page::of(ctx.rpc.name, &request)?;
    page.size = MOST;
    let (overviews, more) = overviews(&ctx, &request, &page).await?;
    if !more.is_empty() {
        let message = format!("more than {MOST} agents: export some of them at once, by agentUserNames or groupNames");
        return Err(Error::precondition(reason::EXPORT_TOO_LARGE, message));
    }
    let mut table = Table::default();
    table.row(COLUMNS)?;
    for some in overviews.chunks(MAX_SIZE) {
        let names = || some.iter().filter_map(|overview| overview.agent.as_ref()).map(|agent| &agent.name);
        let keys = names().map(|name| key_of::<DirectoryUser>("agent", name)).collect::<Result<Vec<_>>>()?;
        let known = ctx.db().get_many::<DirectoryUser>(&keys).await?;
        let known: HashMap<&String, DirectoryUser> =
            names().zip(known).filter_map(|(name, user)| Some((name, user?))).collect();
        for overview in some {
            let user = overview.agent.as_ref().and_then(|agent| known.get(&agent.name));
            let shown = user.map_or(("", ""), |user| (&*user.display_name, &*user.email));
            table.row(row(overview, shown.0, shown.1, &zone).iter().map(String::as_str))?;
        }
    }
    let row_count = i32::try_from(table.rows() - 1).unwrap_or(i32::MAX);
    Ok(ExportCoachingOverviewsResponse { csv: table.take()?.into(), row_count })
}
