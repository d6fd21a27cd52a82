import {
  AccountAnswer,
  ApiKeyAnswer,
  CustomDomainAnswer,
  CustomDomainShareAnswer,
  HubImageAnswer,
  ImageAnswer,
  ImageBuildAnswer,
  ImageShareAnswer,
  PendingImageShareAnswer,
  PreviewAnswer,
  PreviewTokenAnswer,
  SandboxAnswer,
  ScheduleAnswer,
  ScheduleExecutionAnswer,
  ServiceAccountAnswer,
  VolumeAnswer,
  VolumeTemplateAnswer,
  WorkspaceAnswer,
  WorkspaceUserAnswer,
} from "@dormouse/schema";
import { z } from "zod";

/* Answers that only the reference has names for. */

const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({
    data: z.array(item),
    meta: z.object({
      hasMore: z.boolean(),
      nextCursor: z.string().meta({ description: "Empty on the last page; valid for 24 hours" }),
      total: z.int(),
    }),
  });

export const SandboxPage = pageOf(SandboxAnswer);
export const VolumePage = pageOf(VolumeAnswer);
export const SchedulePage = pageOf(ScheduleAnswer);
export const ScheduleExecutionPage = pageOf(ScheduleExecutionAnswer);

export const ImageList = z.array(ImageAnswer);
export const ImageShareList = z.array(ImageShareAnswer);
export const PendingImageShareList = z.array(PendingImageShareAnswer);
export const HubImageList = z.array(HubImageAnswer);
export const TemplateList = z.array(z.strictObject({ name: z.string(), url: z.string() }));
export const CustomDomainList = z.array(CustomDomainAnswer);
export const CustomDomainShareList = z.array(CustomDomainShareAnswer);
export const VolumeTemplateList = z.array(VolumeTemplateAnswer);
export const PreviewList = z.array(PreviewAnswer);
export const PreviewTokenList = z.array(PreviewTokenAnswer);
export const AccountList = z.array(AccountAnswer);
export const WorkspaceList = z.array(WorkspaceAnswer);
export const WorkspaceUserList = z.array(WorkspaceUserAnswer);
export const ServiceAccountList = z.array(ServiceAccountAnswer);
export const ApiKeyList = z.array(ApiKeyAnswer);

/** With `upload=true` the image, else what becomes of it. */
export const ImageBegunAnswer = z.union([ImageAnswer, ImageBuildAnswer]);
/** Lines, each with a time in front. */
export const LogText = z.string();

export const MessageAnswer = z.object({ message: z.string() });
export const EmptyAnswer = z.strictObject({});

export const ForceQuery = z.object({ force: z.enum(["true", "false"]).optional() });
export const SecretsQuery = z.object({ show_secrets: z.enum(["true", "false"]).optional() });
export const ReuseQuery = z.object({
  createIfNotExist: z.enum(["true", "false"]).optional(),
  upload: z.enum(["true", "false"]).optional(),
});
export const UploadQuery = z.object({ upload: z.enum(["true", "false"]).optional() });
export const ImageBuildQuery = UploadQuery.extend({ "skip-build": z.enum(["true", "false"]).optional() });
export const FollowQuery = z.object({ follow: z.enum(["true", "false"]).optional() });
export const ReasonQuery = z.object({ withReason: z.enum(["true", "false"]).optional() });

/** With `withReason=true` the object, else the boolean alone. */
export const WorkspaceAvailability = z.union([
  z.boolean(),
  z.object({
    available: z.boolean(),
    reason: z.enum(["taken", "forbidden_reserved"]).optional(),
    message: z.string(),
  }),
]);

export const TokenRevocation = z.object({ token: z.string() });

export const OpenidConfiguration = z.object({
  issuer: z.string(),
  authorization_endpoint: z.string(),
  token_endpoint: z.string(),
  revocation_endpoint: z.string(),
  device_authorization_endpoint: z.string(),
  grant_types_supported: z.array(z.string()),
  token_endpoint_auth_methods_supported: z.array(z.string()),
  response_types_supported: z.array(z.string()),
  code_challenge_methods_supported: z.array(z.string()),
  authorization_response_iss_parameter_supported: z.boolean(),
  scopes_supported: z.array(z.string()),
});

export const OpenApiDocument = z.object({
  openapi: z.literal("3.1.0"),
  info: z.object({ title: z.string(), version: z.string() }),
  paths: z.record(z.string(), z.unknown()),
});
