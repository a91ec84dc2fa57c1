// The entries of partitioners(); each stands at the end of the file that implements it.
#pragma once

#include "shoal/data/partition_tools.h"

namespace shoal {

PartitionerEntry iid_partition_entry();       // partition_iid.cc
PartitionerEntry resample_partition_entry();  // partition_iid.cc
PartitionerEntry shards_partition_entry();    // partition_shards.cc
PartitionerEntry labels_per_client_entry();   // partition_label_count.cc
PartitionerEntry dirichlet_clients_entry();   // partition_dirichlet.cc
PartitionerEntry dirichlet_labels_entry();    // partition_dirichlet.cc
PartitionerEntry pachinko_entry();            // partition_pachinko.cc
PartitionerEntry quantity_dirichlet_entry();  // partition_quantity.cc
PartitionerEntry quantity_lognormal_entry();  // partition_quantity.cc
PartitionerEntry power_law_entry();           // partition_quantity.cc
PartitionerEntry noise_skew_entry();          // partition_noise.cc
PartitionerEntry spatial_noise_entry();       // partition_noise.cc
PartitionerEntry transform_skew_entry();      // partition_transform.cc
PartitionerEntry fcube_partition_entry();     // partition_fcube.cc
PartitionerEntry colour_split_entry();        // partition_colour.cc
PartitionerEntry concept_skew_entry();        // partition_concept.cc
PartitionerEntry users_partition_entry();     // partition_users.cc
PartitionerEntry temporal_entry();            // partition_temporal.cc
PartitionerEntry class_lists_entry();         // partition_class_lists.cc

}  // namespace shoal
