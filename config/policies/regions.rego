# Only these regions. Change the set to yours.
# reads: by name
package envmgr

regions := {"eu-central-1", "eu-west-1", "northeurope", "westeurope"}

deny contains sentence if {
	some change in input.resource_changes
	some key in ["location", "region"]
	region := change.change.after[key]
	is_string(region)
	not is_allowed(region)
	sentence := sprintf("%s is in %s, which is none of the allowed regions.", [change.address, region])
}

deny contains sentence if {
	some name, provider in input.configuration.provider_config
	region := provider.expressions.region.constant_value
	not is_allowed(region)
	sentence := sprintf("Provider %s works in %s, which is none of the allowed regions.", [name, region])
}

# Azure writes a region as "West Europe", too; where something is everywhere it is "global".
is_allowed(region) if lower(replace(region, " ", "")) in regions

is_allowed("global")
