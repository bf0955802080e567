/** Headers for tests, in our own words. */

/** A call of 40 bytes at 0x3b96, as the series about trusted devices has one. */
export const tsm = `#ifndef _TSM_H
#define _TSM_H

/**
 * enum iommu_vdevice_tsm_op_type - what to ask of the security manager
 * @IOMMU_VDEVICE_TSM_BIND: bind the device
 */
enum iommu_vdevice_tsm_op_type {
	IOMMU_VDEVICE_TSM_BIND = 1,
	IOMMU_VDEVICE_TSM_UNBIND,
	IOMMU_VDEVICE_TSM_GUEST_REQ,
};

/**
 * struct iommu_vdevice_tsm_op - ioctl(IOMMU_VDEVICE_TSM_OP)
 * @size: bytes of this struct
 * @op: one of enum iommu_vdevice_tsm_op_type
 * @flags: must be 0
 * @vdevice_id: the virtual device
 * @req_len: bytes of the request
 * @resp_len: room for the response, in bytes;
 *            the kernel does not change it
 * @req_uptr: the guest's request
 * @resp_uptr: where the response goes
 *
 * Hand a request of a guest to the security manager of the platform. The
 * value returned is the number of bytes that did not fit.
 */
struct iommu_vdevice_tsm_op {
	__u32 size;
	__u32 op;
	__u32 flags;
	__u32 vdevice_id;
	__u32 req_len;
	__u32 resp_len;
	__aligned_u64 req_uptr;
	__aligned_u64 resp_uptr;
};
#define IOMMUFD_CMD_VDEVICE_TSM_OP 0x96
#define IOMMU_VDEVICE_TSM_OP _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VDEVICE_TSM_OP)
#endif
`;

/** The same call, as a patch of git has it; the enum's name is not there, and its last lines are. */
export const tsmDiff = `From 0123456789abcdef Mon Sep 17 00:00:00 2001
Subject: [PATCH] iommufd: a call for the security manager

---
 include/uapi/linux/iommufd.h | 30 ++++++++++++
--- a/drivers/iommu/iommufd/main.c
+++ b/drivers/iommu/iommufd/main.c
@@ -1,2 +1,3 @@
 int a;
+int vdevice_tsm;
 int b;
--- a/include/uapi/linux/iommufd.h
+++ b/include/uapi/linux/iommufd.h
@@ -57,5 +57,6 @@ enum {
 	IOMMUFD_CMD_VEVENTQ_ALLOC = 0x93,
 	IOMMUFD_CMD_HW_QUEUE_ALLOC = 0x94,
 	IOMMUFD_CMD_IOAS_NOIOMMU_GET_PA = 0x95,
+	IOMMUFD_CMD_VDEVICE_TSM_OP,
 };
 
@@ -1390,2 +1391,20 @@ struct iommu_hw_queue_alloc {
 #define IOMMU_HW_QUEUE_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_HW_QUEUE_ALLOC)
+
+/**
+ * struct iommu_vdevice_tsm_op - ioctl(IOMMU_VDEVICE_TSM_OP)
+ * @vdevice_id: the virtual device
+ */
+struct iommu_vdevice_tsm_op {
+	__u32 size;
+	__u32 op;
+	__u32 flags;
+	__u32 vdevice_id;
+	__u32 req_len;
+	__u32 resp_len;
+	__aligned_u64 req_uptr;
+	__aligned_u64 resp_uptr;
+};
+#define IOMMU_VDEVICE_TSM_OP _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VDEVICE_TSM_OP)
 #endif
`;
