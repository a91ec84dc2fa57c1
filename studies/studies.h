// The studies, one file each.
#pragma once

#include "shoal/study/study.h"

namespace shoal {

Result<std::vector<Claim>> study_relaysgd(StudyContext& context);
Result<std::vector<Claim>> study_gossip_baselines(StudyContext& context);
Result<std::vector<Claim>> study_federated_field_guide(StudyContext& context);
Result<std::vector<Claim>> study_non_iid_partitions(StudyContext& context);
Result<std::vector<Claim>> study_decentralized_vr_compression(StudyContext& context);
Result<std::vector<Claim>> study_econtrol(StudyContext& context);
Result<std::vector<Claim>> study_heterogeneous_compression(StudyContext& context);
Result<std::vector<Claim>> study_basic_compressors(StudyContext& context);
Result<std::vector<Claim>> study_atomo(StudyContext& context);

}  // namespace shoal
