# Only small machines: the sizes of instances, databases, caches and clusters. Change the patterns to yours.
# reads: by name
package envmgr

sizes := ["t3.*", "t4g.*", "db.t3.*", "db.t4g.*", "cache.t3.*", "cache.t4g.*", "Standard_B*", "B_*", "GP_Gen5_[12]"]

keys := ["instance_class", "instance_type", "node_type", "size", "vm_size"]

# Each size is looked at once, however many have it.
used := {size |
	some change in input.resource_changes
	some key in keys
	size := change.change.after[key]
}

large := {size |
	some size in used
	is_string(size)
	not is_small(size)
}

deny contains sentence if {
	count(large) > 0
	some change in input.resource_changes
	some key in keys
	size := change.change.after[key]
	size in large
	sentence := sprintf("%s has the size %s, which is none of the allowed sizes.", [change.address, size])
}

is_small(size) if {
	some pattern in sizes
	glob.match(pattern, [], size)
}
