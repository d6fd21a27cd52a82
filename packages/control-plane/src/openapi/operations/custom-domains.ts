import {
  CustomDomainAnswer,
  CustomDomainCreateRequest,
  CustomDomainShareRequest,
  CustomDomainUpdateRequest,
} from "@dormouse/schema";
import type { OperationGroup } from "../operation.ts";
import { CustomDomainList, CustomDomainShareList } from "../shapes.ts";

export const customDomains: OperationGroup = {
  tag: "Custom domains",
  description: "Domains of your own for previews. Every name below a verified one belongs to it.",
  operations: [
    {
      method: "get",
      path: "/customdomains",
      id: "listCustomDomains",
      summary: "List the domains of the workspace, with those that are shared with it",
      answer: CustomDomainList,
    },
    {
      method: "post",
      path: "/customdomains",
      id: "createCustomDomain",
      summary: "Claim a domain; the answer says what to put into DNS",
      body: CustomDomainCreateRequest,
      answer: CustomDomainAnswer,
      errors: ["DOMAIN_ALREADY_EXISTS"],
    },
    {
      method: "get",
      path: "/customdomains/{domainName}",
      id: "getCustomDomain",
      summary: "Read a domain",
      answer: CustomDomainAnswer,
      errors: ["DOMAIN_NOT_FOUND"],
    },
    {
      method: "put",
      path: "/customdomains/{domainName}",
      id: "updateCustomDomain",
      summary: "Change a domain, or which preview serves its hosts that no preview has",
      body: CustomDomainUpdateRequest,
      answer: CustomDomainAnswer,
      errors: ["DOMAIN_NOT_FOUND"],
    },
    {
      method: "delete",
      path: "/customdomains/{domainName}",
      id: "deleteCustomDomain",
      summary: "Delete a domain and the previews under it",
      answer: CustomDomainAnswer,
      errors: ["DOMAIN_NOT_FOUND"],
    },
    {
      method: "post",
      path: "/customdomains/{domainName}/verify",
      id: "verifyCustomDomain",
      summary: "Ask DNS whose the domain is; one whose records are gone fails and serves nothing",
      answer: CustomDomainAnswer,
      errors: ["DOMAIN_NOT_FOUND", "DOMAIN_ALREADY_EXISTS", "UPSTREAM_UNREACHABLE"],
    },
    {
      method: "get",
      path: "/customdomains/{domainName}/share",
      id: "listCustomDomainShares",
      summary: "List with whom a domain is shared",
      answer: CustomDomainShareList,
      errors: ["DOMAIN_NOT_FOUND"],
    },
    {
      method: "post",
      path: "/customdomains/{domainName}/share",
      id: "shareCustomDomain",
      summary: "Let another workspace of the account, or all of them, have previews under a verified domain",
      body: CustomDomainShareRequest,
      answer: CustomDomainAnswer,
      errors: ["DOMAIN_NOT_FOUND", "WORKSPACE_NOT_FOUND", "DOMAIN_ALREADY_EXISTS"],
    },
    {
      method: "delete",
      path: "/customdomains/{domainName}/share/{targetWorkspace}",
      id: "unshareCustomDomain",
      summary: "End a share; the previews that lose their place under the domain go",
      answer: CustomDomainAnswer,
      errors: ["DOMAIN_NOT_FOUND"],
    },
  ],
};
