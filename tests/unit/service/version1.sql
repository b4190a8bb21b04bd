-- What the service wrote into a database of version 1, when these tokens were out.
-- decision: d1.22ZxdZ6Peeo1QEDD7C8Z6tff499DIrO/LGoHrW9Y4HeLo=.11.8933a7d43078d796
-- activity: a1.22ZxdZ6Peeo1QEDD7C8Z6tff499DIrO/LGoHrW9Y4HeLo=.6.60611ffe2cb0723c
PRAGMA application_id = 1936092271;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE closed_index (
    shelf TEXT NOT NULL, -- JSON list: region, domain, start or close, filter
    at_ms INTEGER NOT NULL,
    run_key INTEGER NOT NULL,
    PRIMARY KEY (shelf, at_ms, run_key)
) WITHOUT ROWID;
INSERT INTO "closed_index" VALUES('["us-east-1","domain","close","execution","closed"]',1700000000000,1);
INSERT INTO "closed_index" VALUES('["us-east-1","domain","close","status","COMPLETED"]',1700000000000,1);
INSERT INTO "closed_index" VALUES('["us-east-1","domain","close","tag","t"]',1700000000000,1);
INSERT INTO "closed_index" VALUES('["us-east-1","domain","close","type","workflow"]',1700000000000,1);
INSERT INTO "closed_index" VALUES('["us-east-1","domain","close","version","workflow","1"]',1700000000000,1);
INSERT INTO "closed_index" VALUES('["us-east-1","domain","close"]',1700000000000,1);
INSERT INTO "closed_index" VALUES('["us-east-1","domain","start","execution","closed"]',1700000000000,1);
INSERT INTO "closed_index" VALUES('["us-east-1","domain","start","status","COMPLETED"]',1700000000000,1);
INSERT INTO "closed_index" VALUES('["us-east-1","domain","start","tag","t"]',1700000000000,1);
INSERT INTO "closed_index" VALUES('["us-east-1","domain","start","type","workflow"]',1700000000000,1);
INSERT INTO "closed_index" VALUES('["us-east-1","domain","start","version","workflow","1"]',1700000000000,1);
INSERT INTO "closed_index" VALUES('["us-east-1","domain","start"]',1700000000000,1);
CREATE TABLE closed_runs (
    run_key INTEGER PRIMARY KEY,
    started_ms INTEGER NOT NULL,
    closed_ms INTEGER NOT NULL,
    purge_ms INTEGER NOT NULL,
    description TEXT NOT NULL -- JSON, the answer to DescribeWorkflowExecution
);
INSERT INTO "closed_runs" VALUES(1,1700000000000,1700000000000,1700086400000,'{"executionInfo":{"execution":{"workflowId":"closed","runId":"22gSjOLDjfwKZoQxr2CGLpp6awuTgt/7nEzNZxTcRd0zg="},"workflowType":{"name":"workflow","version":"1"},"startTimestamp":1700000000.0,"executionStatus":"CLOSED","cancelRequested":false,"closeStatus":"COMPLETED","closeTimestamp":1700000000.0,"tagList":["t"]},"executionConfiguration":{"taskStartToCloseTimeout":"60","executionStartToCloseTimeout":"3600","childPolicy":"TERMINATE","taskList":{"name":"list"}},"openCounts":{"openActivityTasks":0,"openTimers":0,"openChildWorkflowExecutions":0,"openDecisionTasks":0,"openLambdaFunctions":0}}');
CREATE TABLE domains (
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    description TEXT,
    retention TEXT NOT NULL,
    tags TEXT NOT NULL, -- JSON object
    PRIMARY KEY (region, name)
) WITHOUT ROWID;
INSERT INTO "domains" VALUES('us-east-1','domain','REGISTERED',NULL,'1','{}');
CREATE TABLE events (
    run_key INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    body TEXT NOT NULL, -- the JSON that goes on the wire
    PRIMARY KEY (run_key, event_id)
);
INSERT INTO "events" VALUES(1,1,'{"eventId":1,"eventTimestamp":1700000000.0,"eventType":"WorkflowExecutionStarted","workflowExecutionStartedEventAttributes":{"parentInitiatedEventId":0,"executionStartToCloseTimeout":"3600","taskStartToCloseTimeout":"60","childPolicy":"TERMINATE","taskList":{"name":"list"},"workflowType":{"name":"workflow","version":"1"},"tagList":["t"]}}');
INSERT INTO "events" VALUES(1,2,'{"eventId":2,"eventTimestamp":1700000000.0,"eventType":"DecisionTaskScheduled","decisionTaskScheduledEventAttributes":{"taskList":{"name":"list"},"startToCloseTimeout":"60","scheduleToStartTimeout":"NONE"}}');
INSERT INTO "events" VALUES(1,3,'{"eventId":3,"eventTimestamp":1700000000.0,"eventType":"DecisionTaskStarted","decisionTaskStartedEventAttributes":{"scheduledEventId":2,"identity":"decider"}}');
INSERT INTO "events" VALUES(1,4,'{"eventId":4,"eventTimestamp":1700000000.0,"eventType":"DecisionTaskCompleted","decisionTaskCompletedEventAttributes":{"scheduledEventId":2,"startedEventId":3}}');
INSERT INTO "events" VALUES(1,5,'{"eventId":5,"eventTimestamp":1700000000.0,"eventType":"WorkflowExecutionCompleted","workflowExecutionCompletedEventAttributes":{"decisionTaskCompletedEventId":4}}');
INSERT INTO "events" VALUES(2,1,'{"eventId":1,"eventTimestamp":1700000000.0,"eventType":"WorkflowExecutionStarted","workflowExecutionStartedEventAttributes":{"parentInitiatedEventId":0,"executionStartToCloseTimeout":"3600","taskStartToCloseTimeout":"60","childPolicy":"TERMINATE","taskList":{"name":"list"},"workflowType":{"name":"workflow","version":"1"}}}');
INSERT INTO "events" VALUES(2,2,'{"eventId":2,"eventTimestamp":1700000000.0,"eventType":"DecisionTaskScheduled","decisionTaskScheduledEventAttributes":{"taskList":{"name":"list"},"startToCloseTimeout":"60","scheduleToStartTimeout":"NONE"}}');
INSERT INTO "events" VALUES(2,3,'{"eventId":3,"eventTimestamp":1700000000.0,"eventType":"DecisionTaskStarted","decisionTaskStartedEventAttributes":{"scheduledEventId":2,"identity":"decider"}}');
INSERT INTO "events" VALUES(2,4,'{"eventId":4,"eventTimestamp":1700000000.0,"eventType":"DecisionTaskCompleted","decisionTaskCompletedEventAttributes":{"scheduledEventId":2,"startedEventId":3}}');
INSERT INTO "events" VALUES(2,5,'{"eventId":5,"eventTimestamp":1700000000.0,"eventType":"ActivityTaskScheduled","activityTaskScheduledEventAttributes":{"taskList":{"name":"list"},"scheduleToStartTimeout":"300","scheduleToCloseTimeout":"300","startToCloseTimeout":"300","heartbeatTimeout":"30","activityType":{"name":"activity","version":"1"},"activityId":"done","decisionTaskCompletedEventId":4}}');
INSERT INTO "events" VALUES(2,6,'{"eventId":6,"eventTimestamp":1700000000.0,"eventType":"ActivityTaskScheduled","activityTaskScheduledEventAttributes":{"taskList":{"name":"list"},"scheduleToStartTimeout":"300","scheduleToCloseTimeout":"300","startToCloseTimeout":"300","heartbeatTimeout":"30","activityType":{"name":"activity","version":"1"},"activityId":"underway","decisionTaskCompletedEventId":4}}');
INSERT INTO "events" VALUES(2,7,'{"eventId":7,"eventTimestamp":1700000000.0,"eventType":"TimerStarted","timerStartedEventAttributes":{"timerId":"t","startToFireTimeout":"50","decisionTaskCompletedEventId":4}}');
INSERT INTO "events" VALUES(2,8,'{"eventId":8,"eventTimestamp":1700000000.0,"eventType":"ActivityTaskStarted","activityTaskStartedEventAttributes":{"scheduledEventId":5,"identity":"worker"}}');
INSERT INTO "events" VALUES(2,9,'{"eventId":9,"eventTimestamp":1700000000.0,"eventType":"ActivityTaskStarted","activityTaskStartedEventAttributes":{"scheduledEventId":6,"identity":"worker"}}');
INSERT INTO "events" VALUES(2,10,'{"eventId":10,"eventTimestamp":1700000000.0,"eventType":"ActivityTaskCompleted","activityTaskCompletedEventAttributes":{"result":"r","scheduledEventId":5,"startedEventId":8}}');
INSERT INTO "events" VALUES(2,11,'{"eventId":11,"eventTimestamp":1700000000.0,"eventType":"DecisionTaskScheduled","decisionTaskScheduledEventAttributes":{"taskList":{"name":"list"},"startToCloseTimeout":"60","scheduleToStartTimeout":"NONE"}}');
INSERT INTO "events" VALUES(2,12,'{"eventId":12,"eventTimestamp":1700000000.007,"eventType":"DecisionTaskStarted","decisionTaskStartedEventAttributes":{"scheduledEventId":11,"identity":"decider"}}');
INSERT INTO "events" VALUES(3,1,'{"eventId":1,"eventTimestamp":1700000000.007,"eventType":"WorkflowExecutionStarted","workflowExecutionStartedEventAttributes":{"parentInitiatedEventId":0,"executionStartToCloseTimeout":"3600","taskStartToCloseTimeout":"60","childPolicy":"TERMINATE","taskList":{"name":"list"},"workflowType":{"name":"workflow","version":"1"}}}');
INSERT INTO "events" VALUES(3,2,'{"eventId":2,"eventTimestamp":1700000000.007,"eventType":"DecisionTaskScheduled","decisionTaskScheduledEventAttributes":{"taskList":{"name":"list"},"startToCloseTimeout":"60","scheduleToStartTimeout":"NONE"}}');
CREATE TABLE heartbeats (
    run_key INTEGER NOT NULL,
    scheduled_id INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    details TEXT,
    PRIMARY KEY (run_key, scheduled_id)
) WITHOUT ROWID;
INSERT INTO "heartbeats" VALUES(2,6,1700000000007,'half');
CREATE TABLE runs (
    run_key INTEGER PRIMARY KEY AUTOINCREMENT,
    region TEXT NOT NULL,
    domain TEXT NOT NULL,
    workflow_id TEXT NOT NULL,
    run_id TEXT NOT NULL UNIQUE
);
INSERT INTO "runs" VALUES(1,'us-east-1','domain','closed','22gSjOLDjfwKZoQxr2CGLpp6awuTgt/7nEzNZxTcRd0zg=');
INSERT INTO "runs" VALUES(2,'us-east-1','domain','open','22ZxdZ6Peeo1QEDD7C8Z6tff499DIrO/LGoHrW9Y4HeLo=');
INSERT INTO "runs" VALUES(3,'us-east-1','domain','waits','22GFVWu4PmpqVwu+9NlkHmv409BsKiUxjYtpQPuoHm9JU=');
CREATE TABLE tokens (
    run_key INTEGER NOT NULL,
    scheduled_id INTEGER NOT NULL,
    nonce TEXT NOT NULL,
    PRIMARY KEY (run_key, scheduled_id)
) WITHOUT ROWID;
INSERT INTO "tokens" VALUES(2,2,'6cd20c56239f73e1');
INSERT INTO "tokens" VALUES(2,5,'434c7b1eb8591fbb');
INSERT INTO "tokens" VALUES(2,6,'60611ffe2cb0723c');
INSERT INTO "tokens" VALUES(2,11,'8933a7d43078d796');
CREATE TABLE types (
    region TEXT NOT NULL,
    domain TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    status TEXT NOT NULL,
    description TEXT,
    created_ms INTEGER NOT NULL,
    deprecated_ms INTEGER,
    defaults TEXT NOT NULL, -- JSON object
    PRIMARY KEY (region, domain, kind, name, version)
) WITHOUT ROWID;
INSERT INTO "types" VALUES('us-east-1','domain','ActivityType','activity','1','REGISTERED',NULL,1700000000000,NULL,'{"defaultTaskStartToCloseTimeout":"300","defaultTaskHeartbeatTimeout":"30","defaultTaskList":{"name":"list"},"defaultTaskScheduleToStartTimeout":"300","defaultTaskScheduleToCloseTimeout":"300"}');
INSERT INTO "types" VALUES('us-east-1','domain','WorkflowType','workflow','1','REGISTERED',NULL,1700000000000,NULL,'{"defaultTaskStartToCloseTimeout":"60","defaultExecutionStartToCloseTimeout":"3600","defaultTaskList":{"name":"list"},"defaultChildPolicy":"TERMINATE"}');
CREATE INDEX closed_runs_by_purge ON closed_runs (purge_ms, run_key);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('runs',3);
COMMIT;
