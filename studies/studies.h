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
Result<std::vector<Claim>> study_accordion(StudyContext& context);
Result<std::vector<Claim>> study_powersgd(StudyContext& context);
Result<std::vector<Claim>> study_one_byte(StudyContext& context);
Result<std::vector<Claim>> study_masha(StudyContext& context);
Result<std::vector<Claim>> study_cser(StudyContext& context);
Result<std::vector<Claim>> study_local_adaalter(StudyContext& context);
Result<std::vector<Claim>> study_basic_compressors(StudyContext& context);
Result<std::vector<Claim>> study_atomo(StudyContext& context);
Result<std::vector<Claim>> study_fall_of_empires(StudyContext& context);
Result<std::vector<Claim>> study_generalized_byzantine_sgd(StudyContext& context);
Result<std::vector<Claim>> study_phocas(StudyContext& context);
Result<std::vector<Claim>> study_zeno(StudyContext& context);
Result<std::vector<Claim>> study_slsgd(StudyContext& context);
Result<std::vector<Claim>> study_detox(StudyContext& context);
Result<std::vector<Claim>> study_monna(StudyContext& context);
Result<std::vector<Claim>> study_robust_baselines(StudyContext& context);
Result<std::vector<Claim>> study_flag_aggregator(StudyContext& context);
Result<std::vector<Claim>> study_mud_hog(StudyContext& context);
Result<std::vector<Claim>> study_edge_case_backdoors(StudyContext& context);

}  // namespace shoal
