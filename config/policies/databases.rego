# No database is deleted or replaced. An environment that is destroyed takes its databases with it all the same:
# policies look at what is applied.
# reads: by name
package envmgr

databases := {
	"aws_db_instance", "aws_docdb_cluster", "aws_dynamodb_table", "aws_neptune_cluster", "aws_rds_cluster",
	"aws_redshift_cluster", "azurerm_cosmosdb_account", "azurerm_mariadb_server", "azurerm_mssql_database",
	"azurerm_mssql_server", "azurerm_mysql_flexible_server", "azurerm_postgresql_flexible_server",
	"azurerm_postgresql_server", "azurerm_redis_cache", "google_sql_database_instance",
}

deny contains sentence if {
	some change in input.resource_changes
	"delete" in change.change.actions
	change.type in databases
	sentence := sprintf("%s would be %s: keep it, or move its data first.", [change.address, how(change)])
}

how(change) := "replaced" if "create" in change.change.actions

how(change) := "deleted" if not "create" in change.change.actions
