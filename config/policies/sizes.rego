# Only small machines: the sizes of instances, databases, caches and clusters. Change the patterns to yours.
package envmgr

sizes := ["t3.*", "t4g.*", "db.t3.*", "db.t4g.*", "cache.t3.*", "cache.t4g.*", "Standard_B*", "B_*", "GP_Gen5_[12]"]

deny contains sentence if {
	some change in input.resource_changes
	some key in ["instance_class", "instance_type", "node_type", "size", "vm_size"]
	size := change.change.after[key]
	is_string(size)
	not is_small(size)
	sentence := sprintf("%s has the size %s, which is none of the allowed sizes.", [change.address, size])
}

is_small(size) if {
	some pattern in sizes
	glob.match(pattern, [], size)
}
