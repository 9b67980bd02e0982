# At most so many deletions at once. Change the number to yours.
# reads: by name
package envmgr

most := 5

deny contains sentence if {
	deleted := [change.address |
		some change in input.resource_changes
		"delete" in change.change.actions
	]
	count(deleted) > most
	sentence := sprintf("It would delete %d resources, and at most %d at once are allowed.", [count(deleted), most])
}
