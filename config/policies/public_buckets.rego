# Nothing that anybody on the internet may read: no public buckets, containers or storage accounts.
# reads: by name
package envmgr

# Found once, for all rules below.
stores := [change |
	some change in input.resource_changes
	change.type in {
		"aws_s3_bucket", "aws_s3_bucket_acl", "aws_s3_bucket_policy", "aws_s3_bucket_public_access_block",
		"azurerm_storage_account", "azurerm_storage_container",
		"google_storage_bucket_access_control", "google_storage_bucket_iam_member",
	}
]

deny contains sentence if {
	some change in stores
	change.type in {"aws_s3_bucket", "aws_s3_bucket_acl"}
	change.change.after.acl in {"public-read", "public-read-write", "authenticated-read"}
	sentence := sprintf("%s is public by its acl: make that private.", [change.address])
}

deny contains sentence if {
	some change in stores
	change.type == "aws_s3_bucket_public_access_block"
	some option in ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"]
	change.change.after[option] == false
	sentence := sprintf("%s lets a bucket become public: set %s to true.", [change.address, option])
}

deny contains sentence if {
	some change in stores
	change.type == "aws_s3_bucket_policy"
	is_string(change.change.after.policy)
	statements := json.unmarshal(change.change.after.policy).Statement
	is_public(statements)
	sentence := sprintf("%s lets everybody in: name those who may.", [change.address])
}

deny contains sentence if {
	some change in stores
	change.type == "azurerm_storage_account"
	change.change.after.allow_nested_items_to_be_public == true
	sentence := sprintf("%s allows public containers: set allow_nested_items_to_be_public to false.", [change.address])
}

deny contains sentence if {
	some change in stores
	change.type == "azurerm_storage_container"
	change.change.after.container_access_type in {"blob", "container"}
	sentence := sprintf("%s is public: set container_access_type to private.", [change.address])
}

deny contains sentence if {
	some change in stores
	change.type in {"google_storage_bucket_iam_member", "google_storage_bucket_access_control"}
	some member in [object.get(change.change.after, "member", ""), object.get(change.change.after, "entity", "")]
	member in {"allUsers", "allAuthenticatedUsers"}
	sentence := sprintf("%s lets everybody in: name those who may.", [change.address])
}

# A policy may have one statement or a list of them.
is_public(statements) if {
	is_array(statements)
	some statement in statements
	lets_in(statement)
}

is_public(statements) if {
	is_object(statements)
	lets_in(statements)
}

lets_in(statement) if {
	statement.Effect == "Allow"
	statement.Principal == "*"
	not statement.Condition
}

lets_in(statement) if {
	statement.Effect == "Allow"
	some who in ["*", ["*"]]
	statement.Principal.AWS == who
	not statement.Condition
}
