//! Nodes of the Z-Wave network.

use rusqlite::types::{ToSql, ToSqlOutput};
use rusqlite::{Connection, Transaction, params};

use crate::domain::batch::Damage;
use crate::domain::ids::NodeId;
use crate::domain::node::Node;

use super::columns::stored_as_json;
use super::error::ReadError;
use super::rows::{readable, readable_rows};

stored_as_json!(Node);

impl ToSql for NodeId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

pub(super) fn put(transaction: &Transaction<'_>, node: &Node) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached("REPLACE INTO nodes (id, node) VALUES (?, ?)")?;
    statement.execute(params![node.id, node]).map(|_| ())
}

pub(super) fn delete(transaction: &Transaction<'_>, id: NodeId) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM nodes WHERE id = ?")?.execute([id]).map(|_| ())
}

pub(super) fn load(connection: &Connection, damage: &mut Vec<Damage>) -> Result<Vec<Node>, ReadError> {
    readable_rows(connection, "SELECT id, node FROM nodes ORDER BY id", |row| {
        let node = readable(row, "node")?;
        if node.is_none() {
            damage.push(Damage::Node(NodeId(row.get("id")?)));
        }
        Ok(node)
    })
}
